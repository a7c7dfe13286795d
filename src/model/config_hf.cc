// SPDX-License-Identifier: Apache-2.0
// ModelConfig from a Hugging Face folder: config.json, nested (text_config, vision_config) or flat.
#include "base/text.h"
#include "model/config.h"
#include "model/config_limits.h"
#include "model/names.h"
#include "model/weight_plan.h"

#include <cmath>
#include <cstring>

namespace thimble {

namespace {

std::optional<std::int64_t> IntAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? std::nullopt : value->AsInt();
}
double DoubleAt(const Json& json, std::string_view key, double fallback) {
  const Json* value = json.Find(key);
  return value == nullptr ? fallback : value->AsDouble().value_or(fallback);
}

std::string TextAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? "" : value->AsString().value_or("");
}

Status ReadRope(const Json& text, ModelConfig* config, std::vector<std::string>* warnings) {
  // Newer files keep everything in rope_parameters; older ones spread it over the config and rope_scaling.
  const Json* rope = text.Find("rope_parameters");
  if (rope == nullptr || !rope->IsObject()) rope = text.Find("rope_scaling");
  if (rope == nullptr || !rope->IsObject()) rope = &text;
  config->rope_theta = DoubleAt(*rope, "rope_theta", DoubleAt(text, "rope_theta", 1e7));
  const double share = DoubleAt(*rope, "partial_rotary_factor", DoubleAt(text, "partial_rotary_factor", 0.25));
  if (!(share > 0.0) || !(share <= 1.0))
    return Error{Code::kCorrupt, Cat("[config] partial_rotary_factor must be above 0 and at most 1, found ", share)};
  config->rotary = static_cast<int>(config->head * share);
  // Where both are there, transformers takes the older one's scaling.
  for (const char* part : {"rope_parameters", "rope_scaling"}) {
    const Json* scaling = text.Find(part);
    if (scaling == nullptr || !scaling->IsObject()) continue;
    for (const char* key : {"rope_type", "type"}) WarnOfScaling(TextAt(*scaling, key), warnings);
  }
  if (const Json* interleaved = rope->Find("mrope_interleaved");
      interleaved != nullptr && !interleaved->AsBool().value_or(true)) {
    return Error{Code::kUnsupported, "[config] mrope_interleaved must be true as in Qwen 3.5, found false"};
  }
  const Json* sections = rope->Find("mrope_section");
  if (sections == nullptr || !sections->IsArray() || sections->items().size() < 3) {
    config->rope_sections = DefaultSections(config->rotary);
    return Done{};
  }
  for (std::size_t i = 0; i < 3; ++i) {
    THIMBLE_RETURN_IF_ERROR(
        Take("mrope_section", sections->items()[i].AsInt(), {0, kMaxHead}, std::nullopt, &config->rope_sections[i]));
  }
  return Done{};
}

Status ReadLayers(const Json& text, ModelConfig* config) {
  int count = 0;
  THIMBLE_RETURN_IF_ERROR(
      Take("num_hidden_layers", IntAt(text, "num_hidden_layers"), {1, kMaxLayers}, std::nullopt, &count));
  config->layers.assign(static_cast<std::size_t>(count), LayerKind::kDelta);
  const Json* types = text.Find("layer_types");
  if (types != nullptr && types->IsArray() && !types->items().empty()) {
    if (types->items().size() != config->layers.size()) {
      return Error{Code::kCorrupt,
                   Cat("[config] layer_types has ", types->items().size(), " entries for ", count, " layers")};
    }
    for (std::size_t i = 0; i < config->layers.size(); ++i) {
      const std::string& kind = types->items()[i].text();
      if (kind != "linear_attention" && kind != "full_attention") {
        return Error{Code::kUnsupported, Cat("[config] layer ", i, " is of type '", EscapeControls(kind),
                                             "'; known are linear_attention and full_attention")};
      }
      config->layers[i] = kind == "full_attention" ? LayerKind::kAttention : LayerKind::kDelta;
    }
    return Done{};
  }
  int interval = 0;
  THIMBLE_RETURN_IF_ERROR(
      Take("full_attention_interval", IntAt(text, "full_attention_interval"), {1, 1024}, 4, &interval));
  for (int i = interval - 1; i < count; i += interval)
    config->layers[static_cast<std::size_t>(i)] = LayerKind::kAttention;
  return Done{};
}

Status ReadVision(const ModelFile& file, const Json& root, ModelConfig* config, std::vector<std::string>* warnings) {
  const Json* json = root.Find("vision_config");
  const TensorEntry* positions = FindHfVision(file, names::kPositions.hf);
  const bool has_tower = positions != nullptr || FindHfVision(file, names::kPatch.hf) != nullptr ||
                         FindHfVision(file, Cat(names::kMergerNorm.hf, "weight")) != nullptr;
  if (!has_tower) {
    // A text-only export; some keep the announcement.
    if (json != nullptr && json->IsObject()) {
      Warn(
          warnings,
          "config.json describes a vision tower (vision_config), and the folder holds none under a name that is known: "
          "no pictures");
    }
    return Done{};
  }
  if (json == nullptr || !json->IsObject()) {
    Warn(warnings, "the folder holds a vision tower that config.json does not describe (vision_config): no pictures");
    return Done{};
  }
  if (positions == nullptr) {
    return Error{Code::kCorrupt, Cat("[config] tensor '", HfVisionName(file, names::kPositions.hf),
                                     "' is missing: the tower needs it")};
  }
  if (const Json* deepstack = json->Find("deepstack_visual_indexes");
      deepstack != nullptr && !deepstack->items().empty())
    return Error{Code::kUnsupported, kHasDeepstack};
  if (const std::string activation = TextAt(*json, "hidden_act");
      !activation.empty() && activation != "gelu_pytorch_tanh") {
    return Error{Code::kUnsupported,
                 Cat("[config] vision_config.hidden_act must be gelu_pytorch_tanh as in Qwen 3.5, found ",
                     EscapeControls(activation))};
  }
  if (const std::int64_t channels = IntAt(*json, "in_channels").value_or(3); channels != 3)
    return Error{Code::kUnsupported,
                 Cat("[config] vision_config.in_channels must be 3 as in Qwen 3.5, found ", channels)};
  VisionConfig vision;
  const auto take = [&](const char* key, Range range, std::optional<std::int64_t> fallback, int* out) {
    return Take(Cat("vision_config.", key), IntAt(*json, key), range, fallback, out);
  };
  THIMBLE_RETURN_IF_ERROR(take("depth", {1, kMaxLayers}, std::nullopt, &vision.depth));
  THIMBLE_RETURN_IF_ERROR(take("hidden_size", {4, kMaxWidth}, std::nullopt, &vision.width));
  THIMBLE_RETURN_IF_ERROR(take("intermediate_size", {1, kMaxWidth}, std::nullopt, &vision.mlp));
  THIMBLE_RETURN_IF_ERROR(take("num_heads", {1, kMaxHeads}, std::nullopt, &vision.num_heads));
  THIMBLE_RETURN_IF_ERROR(take("out_hidden_size", {1, kMaxWidth}, config->width, &vision.out_width));
  THIMBLE_RETURN_IF_ERROR(take("patch_size", {1, 64}, 16, &vision.patches.patch));
  THIMBLE_RETURN_IF_ERROR(take("spatial_merge_size", {1, 8}, 2, &vision.patches.merge));
  THIMBLE_RETURN_IF_ERROR(take("temporal_patch_size", {1, 8}, 2, &vision.patches.temporal));
  THIMBLE_RETURN_IF_ERROR(TakeSide(positions->shape.empty() ? 0 : positions->shape[0], &vision));
  config->vision = vision;
  THIMBLE_RETURN_IF_ERROR(CheckProcessor(file, warnings));
  return Done{};
}

// Whether two tensors hold the same bytes in the same form.
bool AreSame(const ModelFile& file, const TensorEntry& a, const TensorEntry& b) {
  if (!a.unknown_type.empty() || !b.unknown_type.empty() || a.dtype != b.dtype || a.shape != b.shape) return false;
  // In pieces: both may be large, and have to be read.
  constexpr std::uint64_t kPieceBytes = std::uint64_t{4} << 20;
  if (a.size_bytes != b.size_bytes) return false;
  for (std::uint64_t at = 0; at < a.size_bytes; at += kPieceBytes) {
    const auto left = file.ViewPart(a, at, kPieceBytes);
    const auto right = file.ViewPart(b, at, kPieceBytes);
    if (!left.ok() || !right.ok() || std::memcmp(left.value().data(), right.value().data(), left.value().size()) != 0)
      return false;
  }
  return true;
}

// The outer flag rules where there are two, as in the reference; but a model without a head of its own is tied if
// either says so. An untied one without a head is left to the loader, which names the tensor.
// A head of its own whose numbers are not the embedding's is used, whatever the flag says: as transformers 5 does.
bool IsTied(const ModelFile& file, const Json& root, const Json& text, std::vector<std::string>* warnings) {
  const TensorEntry* head = FindHfText(file, names::kOutput.hf);
  const bool has_head = head != nullptr;
  std::optional<bool> is_tied;
  for (const Json* json : {&root, &text}) {
    const Json* value = json->Find("tie_word_embeddings");
    const std::optional<bool> flag = value != nullptr ? value->AsBool() : std::nullopt;
    if (!is_tied.has_value() || (!has_head && flag.value_or(false))) is_tied = flag.has_value() ? flag : is_tied;
  }
  if (!is_tied.value_or(!has_head)) return false;
  const TensorEntry* embedding = FindHfText(file, names::kEmbedding.hf);
  if (!has_head || embedding == nullptr || AreSame(file, *head, *embedding)) return true;
  Warn(warnings, Cat("config.json ties the output head to the embedding, but '", EscapeControls(head->name),
                     "' holds other numbers: they are used, as transformers does"));
  return false;
}

}  // namespace

Status HuggingFaceConfig(const ModelFile& file, ModelConfig* config, std::vector<std::string>* warnings) {
  THIMBLE_RETURN_IF_ERROR(CheckAdapter(file, warnings));
  THIMBLE_ASSIGN_OR_RETURN(const std::string source, file.SideFile("config.json"));
  THIMBLE_ASSIGN_OR_RETURN(const Json root, Json::Parse(source, "config.json"));
  const Json* nested = root.Find("text_config");
  const Json& text = nested != nullptr && nested->IsObject() ? *nested : root;
  THIMBLE_RETURN_IF_ERROR(CheckQuantisation(file, root, text));
  const std::string outer_type = TextAt(root, "model_type");
  const std::string model_type = outer_type.empty() ? TextAt(text, "model_type") : outer_type;
  if (model_type != "qwen3_5" && model_type != "qwen3_5_text") {
    return Error{Code::kUnsupported, Cat("[config] config.json's model_type is '", EscapeControls(model_type),
                                         "'; Thimble runs 'qwen3_5' (Qwen 3.5 0.8B, 2B, 4B, 9B) only")};
  }
  const auto take = [&](const char* key, Range range, std::optional<std::int64_t> fallback, int* out) {
    return Take(key, IntAt(text, key), range, fallback, out);
  };
  THIMBLE_RETURN_IF_ERROR(take("hidden_size", {1, kMaxWidth}, std::nullopt, &config->width));
  THIMBLE_RETURN_IF_ERROR(take("intermediate_size", {1, kMaxWidth}, std::nullopt, &config->mlp));
  THIMBLE_RETURN_IF_ERROR(take("vocab_size", {1, kMaxVocab}, std::nullopt, &config->vocab));
  THIMBLE_RETURN_IF_ERROR(take("num_attention_heads", {1, kMaxHeads}, std::nullopt, &config->num_heads));
  THIMBLE_RETURN_IF_ERROR(take("num_key_value_heads", {1, kMaxHeads}, std::nullopt, &config->num_kv_heads));
  THIMBLE_RETURN_IF_ERROR(take("head_dim", {2, kMaxHead}, 256, &config->head));
  THIMBLE_RETURN_IF_ERROR(take("linear_num_key_heads", {1, kMaxHeads}, 16, &config->delta.num_key_heads));
  THIMBLE_RETURN_IF_ERROR(take("linear_num_value_heads", {1, kMaxHeads}, 16, &config->delta.num_value_heads));
  THIMBLE_RETURN_IF_ERROR(take("linear_key_head_dim", {1, kMaxHead}, 128, &config->delta.key_head));
  THIMBLE_RETURN_IF_ERROR(take("linear_value_head_dim", {1, kMaxHead}, 128, &config->delta.value_head));
  THIMBLE_RETURN_IF_ERROR(take("linear_conv_kernel_dim", {2, 16}, 4, &config->conv_taps));
  THIMBLE_RETURN_IF_ERROR(take("max_position_embeddings", {1, 1 << 24}, 262144, &config->context_length));
  config->delta.order = HeadOrder::kGrouped;
  config->norm_eps = static_cast<float>(DoubleAt(text, "rms_norm_eps", 1e-6));
  THIMBLE_RETURN_IF_ERROR(CheckHfMeaning(root, text, config->head));
  THIMBLE_RETURN_IF_ERROR(ReadRope(text, config, warnings));
  THIMBLE_RETURN_IF_ERROR(ReadLayers(text, config));
  config->is_tied = IsTied(file, root, text, warnings);
  config->has_mtp = HoldsMtp(file, config->num_layers());
  // Fine-tunes lose the head and keep the announcement.
  const bool has_part = FindHfText(file, names::kMtpFc.hf) != nullptr;
  if (!config->has_mtp && (has_part || IntAt(text, "mtp_num_hidden_layers").value_or(0) > 0))
    Warn(warnings, kMissingMtp);
  return ReadVision(file, root, config, warnings);
}

}  // namespace thimble
