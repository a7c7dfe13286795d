// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

#include "base/text.h"
#include "model/config_limits.h"
#include "model/names.h"
#include "model/weight_plan.h"

#include <algorithm>
#include <cmath>

namespace thimble {

int ModelConfig::num_attention_layers() const {
  return static_cast<int>(std::count(layers.begin(), layers.end(), LayerKind::kAttention));
}

namespace {

// ---- GGUF, architecture qwen35 (spec 9.1) ----

// A whole number; some producers write one a layer, with zeros where a layer has no use for it: then the largest.
Status TakeKey(const Metadata& meta, std::string_view key, Range range, std::optional<std::int64_t> fallback,
               int* out) {
  std::optional<std::int64_t> value = meta.Int(key);
  if (const auto* list = meta.Ints(key); list != nullptr && !list->empty())
    value = *std::max_element(list->begin(), list->end());
  if (!value.has_value() && meta.Find(key) != nullptr)
    return Error{Code::kCorrupt, Cat("[config] ", key, " must be a whole number, and is none")};
  return Take(key, value, range, fallback, out);
}

Result<std::vector<LayerKind>> GgufLayers(const Metadata& meta, int num_layers) {
  std::vector<LayerKind> layers(static_cast<std::size_t>(num_layers), LayerKind::kDelta);
  // Explicit flags win over the interval.
  if (const auto* flags = meta.Ints("qwen35.attention.recurrent_layers"); flags != nullptr) {
    if (flags->size() < layers.size()) {
      return Error{Code::kCorrupt, Cat("[config] qwen35.attention.recurrent_layers has ", flags->size(),
                                       " entries for ", num_layers, " layers")};
    }
    for (std::size_t i = 0; i < layers.size(); ++i)
      layers[i] = (*flags)[i] != 0 ? LayerKind::kDelta : LayerKind::kAttention;
    return layers;
  }
  int interval = 0;
  THIMBLE_RETURN_IF_ERROR(TakeKey(meta, "qwen35.full_attention_interval", {1, 1024}, 4, &interval));
  for (int i = 0; i < num_layers; ++i) {
    if ((i + 1) % interval == 0) layers[static_cast<std::size_t>(i)] = LayerKind::kAttention;
  }
  return layers;
}

Status GgufRope(const Metadata& meta, ModelConfig* config, std::vector<std::string>* warnings) {
  THIMBLE_RETURN_IF_ERROR(
      TakeKey(meta, "qwen35.rope.dimension_count", {2, kMaxHead}, config->head / 4, &config->rotary));
  WarnOfScaling(meta.String("qwen35.rope.scaling.type").value_or(""), warnings);
  config->rope_theta = meta.Float("qwen35.rope.freq_base").value_or(1e7);
  const auto* sections = meta.Ints("qwen35.rope.dimension_sections");
  if (sections == nullptr) sections = meta.Ints("qwen35.rope.mrope_section");
  if (sections == nullptr) {
    config->rope_sections = DefaultSections(config->rotary);
    return Done{};
  }
  if (sections->size() < 3)
    return Error{Code::kCorrupt,
                 Cat("[config] qwen35.rope.dimension_sections has ", sections->size(), " entries, 3 are needed")};
  for (std::size_t i = 0; i < 3; ++i) {
    THIMBLE_RETURN_IF_ERROR(
        Take("qwen35.rope.dimension_sections", (*sections)[i], {0, kMaxHead}, std::nullopt, &config->rope_sections[i]));
  }
  return Done{};
}

Status GgufDelta(const Metadata& meta, ModelConfig* config) {
  const auto take = [&](const char* key, Range range, std::optional<std::int64_t> fallback, int* out) {
    return TakeKey(meta, Cat("qwen35.", key), range, fallback, out);
  };
  int inner = 0;
  THIMBLE_RETURN_IF_ERROR(take("ssm.conv_kernel", {2, 16}, 4, &config->conv_taps));
  THIMBLE_RETURN_IF_ERROR(take("ssm.state_size", {1, kMaxHead}, 128, &config->delta.key_head));
  THIMBLE_RETURN_IF_ERROR(take("ssm.group_count", {1, kMaxHeads}, 16, &config->delta.num_key_heads));
  THIMBLE_RETURN_IF_ERROR(take("ssm.time_step_rank", {1, kMaxHeads}, 16, &config->delta.num_value_heads));
  THIMBLE_RETURN_IF_ERROR(take("ssm.inner_size", {1, kMaxWidth},
                               static_cast<std::int64_t>(config->delta.key_head) * config->delta.num_value_heads,
                               &inner));
  config->delta.value_head = inner / config->delta.num_value_heads;
  if (config->delta.value_head * config->delta.num_value_heads != inner) {
    return Error{Code::kCorrupt, Cat("[config] qwen35.ssm.inner_size ", inner, " is no multiple of ",
                                     config->delta.num_value_heads, " value heads")};
  }
  // One converter says whether it has tiled the value heads (spec 9.6); the others always have, except in files too old
  // to tell apart.
  const bool is_tiled = meta.Bool("qwen35.ssm.v_head_reordered").value_or(true);
  config->delta.order = is_tiled ? HeadOrder::kTiled : HeadOrder::kGrouped;
  return Done{};
}

Status GgufVocab(const ModelFile& file, ModelConfig* config) {
  const Metadata& meta = file.metadata();
  const TensorEntry* embedding = file.Find("token_embd.weight");
  const auto* tokens = meta.Strings("tokenizer.ggml.tokens");
  if (embedding != nullptr && embedding->shape.size() == 2) {
    THIMBLE_RETURN_IF_ERROR(
        Take("rows of token_embd.weight", embedding->shape[0], {1, kMaxVocab}, std::nullopt, &config->vocab));
  } else {
    THIMBLE_RETURN_IF_ERROR(Take("qwen35.vocab_size", meta.Int("qwen35.vocab_size"), {1, kMaxVocab},
                                 tokens != nullptr && !tokens->empty() ? static_cast<std::int64_t>(tokens->size()) : 1,
                                 &config->vocab));
  }
  return Done{};
}

Status GgufText(const ModelFile& file, ModelConfig* config, std::vector<std::string>* warnings) {
  const Metadata& meta = file.metadata();
  const std::string arch = meta.String("general.architecture").value_or("");
  if (arch != "qwen35") {
    if (arch == "clip") {
      return Error{Code::kUnsupported, "[config] this is a vision file (mmproj)", {{Advice::kGiveAsVisionFile}}};
    }
    return Error{Code::kUnsupported, Cat("[config] the file's architecture is '", EscapeControls(arch),
                                         "'; Thimble runs 'qwen35' (Qwen 3.5 0.8B, 2B, 4B, 9B) only")};
  }
  THIMBLE_RETURN_IF_ERROR(CheckGgufType(meta, false));
  const auto take = [&](const char* key, Range range, std::optional<std::int64_t> fallback, int* out) {
    return TakeKey(meta, Cat("qwen35.", key), range, fallback, out);
  };
  config->name = meta.String("general.name").value_or("");
  int blocks = 0;
  int mtp_layers = 0;
  THIMBLE_RETURN_IF_ERROR(take("block_count", {1, kMaxLayers}, std::nullopt, &blocks));
  THIMBLE_RETURN_IF_ERROR(take("nextn_predict_layers", {0, 8}, 0, &mtp_layers));
  // Counted in block_count but not said: told by its tensors.
  if (meta.Find("qwen35.nextn_predict_layers") == nullptr && blocks > 1 && HoldsMtp(file, blocks - 1)) mtp_layers = 1;
  if (mtp_layers >= blocks)
    return Error{Code::kCorrupt, Cat("[config] ", mtp_layers, " MTP layers of ", blocks, " blocks leave no model")};
  THIMBLE_RETURN_IF_ERROR(take("embedding_length", {1, kMaxWidth}, std::nullopt, &config->width));
  THIMBLE_RETURN_IF_ERROR(take("feed_forward_length", {1, kMaxWidth}, std::nullopt, &config->mlp));
  THIMBLE_RETURN_IF_ERROR(take("attention.head_count", {1, kMaxHeads}, std::nullopt, &config->num_heads));
  THIMBLE_RETURN_IF_ERROR(
      take("attention.key_length", {2, kMaxHead}, config->width / config->num_heads, &config->head));
  int value_length = 0;
  THIMBLE_RETURN_IF_ERROR(take("attention.value_length", {2, kMaxHead}, config->head, &value_length));
  if (value_length != config->head) {
    return Error{Code::kUnsupported, Cat("[config] keys of ", config->head, " and values of ", value_length,
                                         " numbers a head; they must be equal")};
  }
  THIMBLE_RETURN_IF_ERROR(take("attention.head_count_kv", {1, kMaxHeads}, std::nullopt, &config->num_kv_heads));
  config->norm_eps = static_cast<float>(meta.Float("qwen35.attention.layer_norm_rms_epsilon").value_or(1e-6));
  THIMBLE_RETURN_IF_ERROR(GgufRope(meta, config, warnings));
  THIMBLE_RETURN_IF_ERROR(CheckGgufMeaning(meta, config->head));

  THIMBLE_RETURN_IF_ERROR(GgufDelta(meta, config));
  THIMBLE_RETURN_IF_ERROR(take("context_length", {1, 1 << 24}, 262144, &config->context_length));
  THIMBLE_ASSIGN_OR_RETURN(config->layers, GgufLayers(meta, blocks - mtp_layers));
  config->is_tied = file.Find("output.weight") == nullptr;
  config->has_mtp = mtp_layers > 0 && HoldsMtp(file, blocks - mtp_layers);
  if (mtp_layers > 0 && !config->has_mtp) Warn(warnings, kMissingMtp);
  return GgufVocab(file, config);
}

// Numbers by which producers say that pictures are prepared otherwise than here (spec 3.1).
void CheckPictureKeys(const Metadata& meta, std::string_view prefix, std::vector<std::string>* warnings) {
  for (const char* key : {"image_mean", "image_std"}) {
    const auto* values = meta.Floats(Cat(prefix, key));
    if (values == nullptr) continue;
    if (std::all_of(values->begin(), values->end(), [](double value) { return std::fabs(value - 0.5) < 1e-6; }))
      continue;
    Warn(warnings, Cat("the vision file's ", prefix, key, " is not 0.5, as this family was trained: 0.5 is used"));
  }
}

// The tower in Ollama's one file: keys below qwen35.vision, sizes that it does not say told by the tensors.
Status OllamaVision(const ModelFile& file, VisionConfig* vision, std::vector<std::string>* warnings) {
  const Metadata& meta = file.metadata();
  const auto take = [&](const char* key, Range range, std::optional<std::int64_t> fallback, int* out) {
    return TakeKey(meta, Cat("qwen35.vision.", key), range, fallback, out);
  };
  const auto rows_of = [&](const WeightName& stem) -> std::optional<std::int64_t> {
    const TensorEntry* tensor = file.Find(Cat(NameOfLayer(stem.ollama, 0), "weight"));
    if (tensor == nullptr || tensor->shape.size() != 2) return std::nullopt;
    return tensor->shape[0];
  };
  THIMBLE_RETURN_IF_ERROR(take("block_count", {1, kMaxLayers}, std::nullopt, &vision->depth));
  THIMBLE_RETURN_IF_ERROR(take("embedding_length", {4, kMaxWidth}, std::nullopt, &vision->width));
  THIMBLE_RETURN_IF_ERROR(take("feed_forward_length", {1, kMaxWidth}, rows_of(names::kVisionFc1), &vision->mlp));
  THIMBLE_RETURN_IF_ERROR(take("attention.head_count", {1, kMaxHeads}, std::nullopt, &vision->num_heads));
  THIMBLE_RETURN_IF_ERROR(Take("rows of v.merger.linear_fc2.weight", rows_of(names::kMergerFc2), {1, kMaxWidth},
                               std::nullopt, &vision->out_width));
  THIMBLE_RETURN_IF_ERROR(take("patch_size", {1, 64}, 16, &vision->patches.patch));
  THIMBLE_RETURN_IF_ERROR(take("spatial_merge_size", {1, 8}, 2, &vision->patches.merge));
  THIMBLE_RETURN_IF_ERROR(take("temporal_patch_size", {1, 8}, 2, &vision->patches.temporal));
  vision->norm_eps = static_cast<float>(meta.Float("qwen35.vision.attention.layer_norm_epsilon").value_or(1e-6));
  vision->rope_theta = meta.Float("qwen35.vision.rope.freq_base").value_or(10000.0);
  if (const auto* deepstack = meta.Ints("qwen35.vision.deepstack_visual_indexes");
      deepstack != nullptr && !deepstack->empty())
    return Error{Code::kUnsupported, kHasDeepstack};
  CheckPictureKeys(meta, "qwen35.vision.", warnings);
  THIMBLE_RETURN_IF_ERROR(CheckProcessor(file, warnings));
  const TensorEntry* positions = file.Find(names::kPositions.ollama);
  return TakeSide(positions != nullptr && positions->shape.size() == 2 ? positions->shape[0] : 0, vision);
}

Status GgufVision(const ModelFile& file, VisionConfig* vision, std::vector<std::string>* warnings) {
  const Metadata& meta = file.metadata();
  THIMBLE_RETURN_IF_ERROR(CheckGgufType(meta, true));
  if (HoldsOllamaTower(file)) return OllamaVision(file, vision, warnings);
  const std::string arch = meta.String("general.architecture").value_or("");
  const std::string projector =
      meta.String("clip.projector_type").value_or(meta.String("clip.vision.projector_type").value_or(""));
  if (arch != "clip" || projector != "qwen3vl_merger") {
    return Error{Code::kUnsupported,
                 Cat("[config] not a vision file of this family: architecture '", EscapeControls(arch),
                     "', projector '", EscapeControls(projector), "'; needed are 'clip' and 'qwen3vl_merger'")};
  }
  const auto take = [&](const char* key, Range range, std::optional<std::int64_t> fallback, int* out) {
    return TakeKey(meta, Cat("clip.vision.", key), range, fallback, out);
  };
  THIMBLE_RETURN_IF_ERROR(take("block_count", {1, kMaxLayers}, std::nullopt, &vision->depth));
  THIMBLE_RETURN_IF_ERROR(take("embedding_length", {4, kMaxWidth}, std::nullopt, &vision->width));
  THIMBLE_RETURN_IF_ERROR(take("feed_forward_length", {1, kMaxWidth}, std::nullopt, &vision->mlp));
  THIMBLE_RETURN_IF_ERROR(take("attention.head_count", {1, kMaxHeads}, std::nullopt, &vision->num_heads));
  THIMBLE_RETURN_IF_ERROR(take("projection_dim", {1, kMaxWidth}, std::nullopt, &vision->out_width));
  THIMBLE_RETURN_IF_ERROR(take("patch_size", {1, 64}, 16, &vision->patches.patch));
  THIMBLE_RETURN_IF_ERROR(take("spatial_merge_size", {1, 8}, 2, &vision->patches.merge));
  vision->norm_eps = static_cast<float>(meta.Float("clip.vision.attention.layer_norm_epsilon").value_or(1e-6));
  if (const auto* deepstack = meta.Ints("clip.vision.is_deepstack_layers"); deepstack != nullptr) {
    if (std::any_of(deepstack->begin(), deepstack->end(), [](std::int64_t is_one) { return is_one != 0; }))
      return Error{Code::kUnsupported, kHasDeepstack};
  }
  if (meta.Bool("clip.use_silu").value_or(false)) {
    return Error{Code::kUnsupported, "[config] clip.use_silu is true; this family's towers use GELU"};
  }
  THIMBLE_RETURN_IF_ERROR(CheckTowerMeaning(meta));
  CheckPictureKeys(meta, "clip.vision.", warnings);
  const TensorEntry* positions = file.Find("v.position_embd.weight");
  std::int64_t rows = positions != nullptr && positions->shape.size() == 2 ? positions->shape[0] : 0;
  return TakeSide(rows, vision);
}

}  // namespace

void WarnOfMissingTower(const ModelFile& text, const ModelConfig& config, std::vector<std::string>* warnings) {
  if (config.vision.has_value() || text.metadata().Int("qwen35.vision.block_count").value_or(0) <= 0) return;
  Warn(warnings, "the file describes a vision tower (qwen35.vision) that it does not hold: no pictures");
}

Result<ModelConfig> ReadModelConfig(const ModelFile& text, const ModelFile* vision,
                                    std::vector<std::string>* warnings) {
  ModelConfig config;
  THIMBLE_RETURN_IF_ERROR(text.format() == ModelFile::Format::kGguf ? GgufText(text, &config, warnings)
                                                                    : HuggingFaceConfig(text, &config, warnings));
  THIMBLE_RETURN_IF_ERROR(CheckSizes(config));
  if (vision != nullptr) {
    VisionConfig tower;
    if (auto status = GgufVision(*vision, &tower, warnings); !status.ok())
      return WithPlace(status.error(), vision->path());
    config.vision = tower;
  } else if (HoldsOllamaTower(text)) {
    THIMBLE_RETURN_IF_ERROR(OllamaVision(text, &config.vision.emplace(), warnings));
  }
  if (config.vision.has_value()) {
    VisionConfig& tower = *config.vision;
    THIMBLE_RETURN_IF_ERROR(CheckVisionSizes(tower));
    tower.head = tower.width / tower.num_heads;
    if (tower.out_width != config.width) {
      return Error{Code::kInvalid, Cat("[config] the vision file ", vision != nullptr ? vision->path() : text.path(),
                                       " belongs to another model: it gives rows of ", tower.out_width,
                                       " numbers, the text model ", text.path(), " takes ", config.width)};
    }
  }
  return config;
}

}  // namespace thimble
