// SPDX-License-Identifier: Apache-2.0
#include "model/unused_tensors.h"

#include "base/text.h"
#include "files/tensor_table.h"
#include "kernels/dequant.h"
#include "model/config_limits.h"
#include "model/names.h"
#include "model/weight_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace thimble {

namespace {

using Kind = UnusedTensor::Kind;

struct Rule {
  enum class Where { kEnd, kAnywhere } where;
  std::string_view part;  // of the name in lower case
  std::string_view why;
};
constexpr auto kEnd = Rule::Where::kEnd;
constexpr auto kAnywhere = Rule::Where::kAnywhere;

// Tensors that change nothing, with the reason. Asked first.
constexpr std::array kHarmlessRules = {
    Rule{kEnd, "inv_freq", "frequencies of the rotation, which are computed from the settings"},
    Rule{kEnd, "attn_rot_embd", "frequencies of the rotation, which are computed from the settings"},
    Rule{kEnd, "position_ids", "numbers of the positions, which are counted"},
    Rule{kEnd, "num_batches_tracked", "a counter of training"},
    Rule{kEnd, "input_scale", "scales activations for products of 4 or 8 bits; ours scale them by themselves"},
    Rule{kEnd, "input_global_scale", "scales activations for products of 4 or 8 bits; ours scale them by themselves"},
};

// Parts of names of what changes the meaning of weights, or adds to what is computed.
constexpr std::array kRefusedRules = {
    Rule{kAnywhere, "lora", "a part of a LoRA adapter"},
    Rule{kAnywhere, "modules_to_save", "a part of an adapter"},
    Rule{kAnywhere, "adapter", "a part of an adapter"},
    Rule{kAnywhere, "dora_", "a part of an adapter"},
    Rule{kAnywhere, "lokr_", "a part of an adapter"},
    Rule{kAnywhere, "hada_", "a part of an adapter"},
    Rule{kAnywhere, "vera_", "a part of an adapter"},
    Rule{kAnywhere, "oft_r", "a part of an adapter"},
    Rule{kAnywhere, "ia3_", "a part of an adapter"},
    Rule{kAnywhere, "prompt_embeddings", "a part of an adapter"},
    Rule{kAnywhere, "scale", "a scale of weights or activations"},
    Rule{kAnywhere, "qweight", "weights quantised in a form that is not read"},
    Rule{kAnywhere, "q_weight", "weights quantised in a form that is not read"},
    Rule{kAnywhere, "qdata", "weights quantised in a form that is not read"},
    Rule{kAnywhere, "trellis", "weights quantised in a form that is not read"},
    Rule{kAnywhere, "weight_packed", "weights quantised in a form that is not read"},
    Rule{kAnywhere, "weight_shape", "a part of quantised weights"},
    Rule{kAnywhere, "zeros", "zero points of quantised weights"},
    Rule{kAnywhere, "zero_point", "zero points of quantised weights"},
    Rule{kAnywhere, "g_idx", "the order of columns of quantised weights"},
    Rule{kAnywhere, "absmax", "a part of quantised weights"},
    Rule{kAnywhere, "quant_", "a part of quantised weights"},
    Rule{kAnywhere, "codebook", "a part of quantised weights"},
    Rule{kAnywhere, "_offset", "a part of quantised weights"},
    Rule{kEnd, ".w_q", "weights quantised in a form that is not read"},
    Rule{kEnd, ".meta", "a part of quantised weights"},
    Rule{kAnywhere, "outlier", "a part of quantised weights"},
    Rule{kAnywhere, "hadamard", "a rotation of weights"},
    Rule{kAnywhere, "parametrizations", "a part of weights kept in pieces"},
    Rule{kEnd, ".scb", "a part of quantised weights"},
    Rule{kEnd, "weight_g", "a part of weights kept in pieces"},
    Rule{kEnd, "weight_v", "a part of weights kept in pieces"},
    Rule{kEnd, "weight_orig", "a part of pruned weights"},
    Rule{kEnd, "weight_mask", "a part of pruned weights"},
    Rule{kAnywhere, "bias", "a bias that this architecture does not have"},
    Rule{kAnywhere, "norm", "a norm that this architecture does not have"},
    Rule{kAnywhere, "layer_scal", "a factor that this architecture does not have"},
    Rule{kEnd, ".gamma", "a factor that this architecture does not have"},
    Rule{kEnd, ".beta", "a bias that this architecture does not have"},
    Rule{kAnywhere, "position_emb", "learned positions, which this architecture does not have"},
    Rule{kAnywhere, "token_types", "kinds of tokens, which this architecture does not have"},
    Rule{kAnywhere, "exps", "an expert that this architecture does not have"},
    Rule{kAnywhere, "expert", "an expert that this architecture does not have"},
    Rule{kAnywhere, "gate_inp", "an expert's gate that this architecture does not have"},
    Rule{kAnywhere, "sinks", "attention sinks that this architecture does not have"},
    Rule{kAnywhere, ".ls1", "a factor that this architecture does not have"},
    Rule{kAnywhere, ".ls2", "a factor that this architecture does not have"},
    Rule{kAnywhere, "lambda", "a factor that this architecture does not have"},
    Rule{kAnywhere, "multiplier", "a factor that this architecture does not have"},
    Rule{kAnywhere, "factor", "a factor that this architecture does not have"},
    Rule{kAnywhere, "temperature", "a factor that this architecture does not have"},
    Rule{kEnd, ".alpha", "a factor that this architecture does not have"},
    Rule{kEnd, ".scaling", "a factor that this architecture does not have"},
    Rule{kAnywhere, "smooth", "a factor that this architecture does not have"},
    Rule{kAnywhere, "magnitude", "a part of an adapter"},
    Rule{kEnd, ".delta", "something to be added to weights"},
    Rule{kAnywhere, ".delta.", "something to be added to weights"},
    Rule{kAnywhere, "delta_w", "something to be added to weights"},
    Rule{kAnywhere, "residual", "something to be added to weights or rows"},
    Rule{kEnd, ".a", "a part of an adapter"},
    Rule{kEnd, ".b", "a bias, or a part of an adapter"},
    Rule{kEnd, ".shift", "a bias that this architecture does not have"},
    Rule{kAnywhere, "running_mean", "a norm that this architecture does not have"},
    Rule{kAnywhere, "running_var", "a norm that this architecture does not have"},
    Rule{kEnd, "put_min", "a bound of activations that this architecture does not have"},
    Rule{kEnd, "put_max", "a bound of activations that this architecture does not have"},
    Rule{kEnd, ".mask", "a part of pruned weights"},
    Rule{kAnywhere, "rotation", "a rotation of weights"},
    Rule{kAnywhere, "direction.", "a part of a control vector"},
    Rule{kAnywhere, "soft_prompt", "a part of an adapter"},
    Rule{kAnywhere, "prompt_encoder", "a part of an adapter"},
    Rule{kAnywhere, "per_layer", "rows for each layer, which this architecture does not have"},
    Rule{kAnywhere, "deepstack", "a tower that feeds early layers of the text model, which Qwen 3.5's does not"},
};

bool Fits(const Rule& rule, std::string_view name) {
  return rule.where == kEnd ? name.ends_with(rule.part) : name.find(rule.part) != std::string_view::npos;
}

// The number after `prefix`: 12 of "blk.12.attn_q.weight".
std::optional<int> NumberAfter(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  int number = 0;
  const char* begin = name.data() + prefix.size();
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
  if (error != std::errc() || end == begin) return std::nullopt;
  return number;
}

// Rope factors that are all one change nothing.
bool AreOnes(const ModelFile& file, const std::string& name) {
  const TensorEntry* tensor = file.Find(name);
  if (tensor == nullptr || !tensor->unknown_type.empty() || tensor->num_elements() > 4096) return false;
  if (tensor->dtype != DType::kF32 && tensor->dtype != DType::kF16 && tensor->dtype != DType::kBF16) return false;
  const auto bytes = file.View(*tensor);
  if (!bytes.ok()) return false;
  std::vector<float> values(static_cast<std::size_t>(tensor->num_elements()));
  kernels::RowToFloat(tensor->dtype)(bytes.value().data(), tensor->num_elements(), values.data());
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 1.0F; });
}

// Whether a layer of `name`'s number would have a tensor of this name, or a factor that is read beside one. Such a
// tensor of a layer that is not used belongs to that layer whole, and changes no other.
bool IsOfALayer(std::string_view name, bool is_gguf) {
  std::string_view below = name;
  if (below.starts_with("mtp.layers.")) below.remove_prefix(4);
  const int layer = NumberAfter(below, is_gguf ? "blk." : "layers.").value_or(0);
  static const std::vector<WeightName> kWeights = LayerWeightNames();
  return std::any_of(kWeights.begin(), kWeights.end(), [&](const WeightName& weight) {
    const std::string full = NameOfLayer(is_gguf ? weight.gguf : weight.hf, layer);
    for (const std::string_view whole : {below, name}) {
      if (whole == full || Cat(whole, ".bias") == full) return true;
      const std::string_view stem = std::string_view(full).substr(0, full.rfind('.'));
      if (!full.ends_with(".weight") || !whole.starts_with(stem)) continue;
      const std::string_view end = whole.substr(stem.size());
      if (end == ".scale" || end == ".weight.scale" || (!is_gguf && (end == ".scales" || end == ".biases")))
        return true;
    }
    return false;
  });
}

struct Judgement {
  Kind kind;
  std::string why;
};

// By what its name says of its purpose.
Judgement JudgeByRules(const std::string& name, const ModelFile& file) {
  const std::string lower = AsciiLower(name);
  if (lower.find("rope_f") != std::string::npos) {
    if (AreOnes(file, name)) return {Kind::kHarmless, "factors of the rotation's frequencies that are all 1"};
    return {Kind::kRefused, "factors of the rotation's frequencies, which this architecture does not have"};
  }
  for (const Rule& rule : kHarmlessRules) {
    if (Fits(rule, lower)) return {Kind::kHarmless, std::string(rule.why)};
  }
  for (const Rule& rule : kRefusedRules) {
    if (Fits(rule, lower)) return {Kind::kRefused, std::string(rule.why)};
  }
  return {Kind::kStrange, "nothing in this architecture has that name"};
}

// A tensor of a layer that is not used: `otherwise`, unless it is a part of something that changes a weight. Whoever
// adds such parts means the model's layers, however they are numbered.
Judgement JudgeUnusedLayer(const std::string& full_name, std::string_view name, const ModelFile& file,
                           Judgement otherwise) {
  if (IsOfALayer(name, file.format() == ModelFile::Format::kGguf)) return otherwise;
  Judgement judged = JudgeByRules(full_name, file);
  return judged.kind == Kind::kStrange ? otherwise : judged;
}

// The following say what a tensor is by the place its name gives it; nullopt where that says nothing.
constexpr std::array<std::string_view, 3> kOwnHead = {"shared_head", "embed_tokens", "lm_head"};

std::optional<Judgement> JudgeDraft(const std::string& full_name, std::string_view name, const ModelFile& file,
                                    const ModelConfig& config) {
  const bool is_gguf = file.format() == ModelFile::Format::kGguf;
  const bool is_announced = is_gguf && file.metadata().Int("qwen35.nextn_predict_layers").value_or(0) > 0;
  const int layers = config.num_layers();
  const std::optional<int> layer = NumberAfter(name, is_gguf ? "blk." : "mtp.layers.");
  const bool is_draft = is_gguf
                            ? layer.value_or(0) >= layers && (is_announced || name.find(".nextn.") != std::string::npos)
                            : name.starts_with("mtp.");
  if (!is_draft) return std::nullopt;
  const bool is_own_head = std::any_of(kOwnHead.begin(), kOwnHead.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
  if (!config.has_mtp) {
    const Judgement incomplete{Kind::kHarmless, "of a draft head (MTP) that is not complete, and not used"};
    return is_own_head ? incomplete : JudgeUnusedLayer(full_name, name, file, incomplete);
  }
  if (is_own_head)
    return Judgement{Kind::kStrange, "of the draft head (MTP), which uses the model's own embedding and head"};
  const int first = is_gguf ? layers : 0;
  if (layer.value_or(first) > first) {
    return JudgeUnusedLayer(full_name, name, file, {Kind::kHarmless, "of a further draft layer (MTP); one is used"});
  }
  return std::nullopt;
}

std::optional<Judgement> JudgeTower(bool is_in_tower, const ModelFile& file, bool is_vision_file,
                                    const ModelFile* vision, const ModelConfig& config) {
  const TowerForm form = TowerFormOf(file);
  if (!is_in_tower) {
    if (!is_vision_file || form != TowerForm::kOllama) return std::nullopt;
    return Judgement{Kind::kHarmless, "of the text model; this file is used for its vision tower"};
  }
  if (is_vision_file) return std::nullopt;
  if (vision != nullptr) return Judgement{Kind::kHarmless, "of a vision tower; another file's is used"};
  if (config.vision.has_value()) return std::nullopt;
  if (form == TowerForm::kGguf)
    return Judgement{Kind::kStrange, "of a vision tower, which is read from a file of its own"};
  // The same names tell the reader of config.json that there is a tower.
  const bool is_known = FindHfVision(file, names::kPositions.hf) != nullptr ||
                        FindHfVision(file, names::kPatch.hf) != nullptr ||
                        FindHfVision(file, Cat(names::kMergerNorm.hf, "weight")) != nullptr;
  if (form == TowerForm::kHuggingFace && !is_known)
    return Judgement{Kind::kHarmless, "of a vision tower of which nothing is found under a name that is known"};
  return Judgement{Kind::kHarmless, "of a vision tower that the settings do not describe"};
}

// Towers for pictures or sound under names that are not known: not a part of the text model, which runs without them.
bool IsOfUnknownTower(std::string_view lower) {
  constexpr std::array<std::string_view, 9> kParts = {"vision",      "visual",    "image",   "audio",  "tower",
                                                      "patch_embed", "pos_embed", "merger.", "blocks."};
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return lower.find(part) != std::string_view::npos; });
}

}  // namespace

UnusedTensor JudgeUnused(const std::string& name, const ModelFile& file, bool is_vision_file, const ModelFile* vision,
                         const ModelConfig& config) {
  const bool is_gguf = file.format() == ModelFile::Format::kGguf;
  const HfPlace place = is_gguf ? HfPlace{name.starts_with("v.") || name.starts_with("mm."), name} : PlaceOfHf(name);
  const auto judged = [&]() -> Judgement {
    if (is_gguf && (name.starts_with("a.") || name.starts_with("mm.a.")))
      return {Kind::kStrange, "of a tower for sound, which this architecture does not have"};
    if (auto tower = JudgeTower(place.is_tower, file, is_vision_file, vision, config)) return *tower;
    if (place.is_tower || is_vision_file) return JudgeByRules(name, file);
    if (auto draft = JudgeDraft(name, place.name, file, config)) return *draft;
    if (!is_gguf && config.is_tied && place.name == names::kOutput.hf)
      return {Kind::kHarmless, "the same numbers as the embedding, which the head is tied to"};
    const int num_known = config.num_layers() + (is_gguf && config.has_mtp ? 1 : 0);
    const std::optional<int> layer = NumberAfter(place.name, is_gguf ? "blk." : "layers.");
    if (layer.value_or(0) >= num_known) {
      const Judgement beyond{Kind::kStrange, Cat("of a layer beyond the model's ", config.num_layers())};
      return JudgeUnusedLayer(name, place.name, file, beyond);
    }
    if (!is_gguf && !layer.has_value() && IsOfUnknownTower(AsciiLower(name)))
      return {Kind::kStrange, "of a tower under a name that is not known"};
    return JudgeByRules(name, file);
  }();
  return UnusedTensor{judged.kind, name, judged.why, file.path()};
}

Status CheckUnused(std::span<const UnusedTensor> unused) {
  const auto is_refused = [](const UnusedTensor& tensor) { return tensor.kind == Kind::kRefused; };
  const auto first = std::find_if(unused.begin(), unused.end(), is_refused);
  if (first == unused.end()) return Done{};
  const auto others = std::count_if(unused.begin(), unused.end(), is_refused) - 1;
  return Error{Code::kUnsupported,
               Cat("[load] ", first->path, ": tensor ", QuoteName(first->name), " (", first->why, ") ",
                   others > 0 ? Cat("and ", others, others == 1 ? " other like it " : " others like it ") : "",
                   "would change what the model computes, and is not applied: use another file of this model")};
}

void WarnOfUnused(std::span<const UnusedTensor> unused, std::vector<std::string>* warnings) {
  constexpr std::size_t kMostNamed = 3;
  std::string named;
  std::size_t count = 0;
  for (const UnusedTensor& tensor : unused) {
    if (tensor.kind != Kind::kStrange) continue;
    if (++count <= kMostNamed) named += Cat(count == 1 ? "" : ", ", QuoteName(tensor.name), " (", tensor.why, ")");
  }
  if (count == 0) return;
  if (count > kMostNamed) named += Cat(" and ", count - kMostNamed, " more; info lists them");
  Warn(warnings, Cat(count == 1 ? "a tensor of the model's files is" : Cat(count, " tensors of the model's files are"),
                     " not used: ", named));
}

}  // namespace thimble
