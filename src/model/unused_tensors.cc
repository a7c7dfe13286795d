// SPDX-License-Identifier: Apache-2.0
#include "model/unused_tensors.h"

#include "base/text.h"
#include "files/tensor_table.h"
#include "kernels/dequant.h"
#include "model/config_limits.h"
#include "model/names.h"

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
    Rule{kAnywhere, "deepstack", "a tower that feeds early layers of the text model, which Qwen 3.5's does not"},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

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
  if (tensor == nullptr || tensor->dtype != DType::kF32 || tensor->num_elements() > 4096) return false;
  const auto bytes = file.View(*tensor);
  if (!bytes.ok()) return false;
  std::vector<float> values(static_cast<std::size_t>(tensor->num_elements()));
  kernels::RowToFloat(DType::kF32)(bytes.value().data(), tensor->num_elements(), values.data());
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 1.0F; });
}

// What a tensor is by the place its name gives it; nullopt where that says nothing.
struct Judgement {
  Kind kind;
  std::string why;
};

std::optional<Judgement> JudgeDraft(std::string_view name, bool is_gguf, bool is_announced, const ModelConfig& config) {
  const int layers = config.num_layers();
  const std::optional<int> layer = NumberAfter(name, is_gguf ? "blk." : "mtp.layers.");
  const bool is_draft = is_gguf
                            ? layer.value_or(0) >= layers && (is_announced || name.find(".nextn.") != std::string::npos)
                            : name.starts_with("mtp.");
  if (!is_draft) return std::nullopt;
  if (!config.has_mtp) return Judgement{Kind::kHarmless, "of a draft head (MTP) that is not complete, and not used"};
  for (const std::string_view part : {"shared_head", "embed_tokens", "lm_head"}) {
    if (name.find(part) != std::string_view::npos)
      return Judgement{Kind::kStrange, "of the draft head (MTP), which uses the model's own embedding and head"};
  }
  const int first = is_gguf ? layers : 0;
  if (layer.value_or(first) > first) return Judgement{Kind::kHarmless, "of a further draft layer (MTP); one is used"};
  return std::nullopt;
}

std::optional<Judgement> JudgeTower(bool is_in_tower, bool is_vision_file, const ModelFile* vision, TowerForm form,
                                    const ModelConfig& config) {
  if (!is_in_tower) {
    if (!is_vision_file || form != TowerForm::kOllama) return std::nullopt;
    return Judgement{Kind::kHarmless, "of the text model; this file is used for its vision tower"};
  }
  if (is_vision_file) return std::nullopt;
  if (vision != nullptr) return Judgement{Kind::kHarmless, "of a vision tower; another file's is used"};
  if (config.vision.has_value()) return std::nullopt;
  if (form == TowerForm::kGguf)
    return Judgement{Kind::kStrange, "of a vision tower, which is read from a file of its own (--mmproj)"};
  return Judgement{Kind::kHarmless, "of a vision tower that the settings do not describe"};
}

// Towers for pictures or sound under names that are not known: not a part of the text model, which runs without them.
bool IsOfUnknownTower(std::string_view lower) {
  constexpr std::array<std::string_view, 9> kParts = {"vision",      "visual",    "image",   "audio",  "tower",
                                                      "patch_embed", "pos_embed", "merger.", "blocks."};
  return std::any_of(kParts.begin(), kParts.end(),
                     [&](std::string_view part) { return lower.find(part) != std::string_view::npos; });
}

Judgement JudgeByRules(const std::string& name, const ModelFile& file) {
  const std::string lower = Lower(name);
  if (lower.ends_with("rope_freqs.weight") && AreOnes(file, name))
    return {Kind::kHarmless, "factors of the rotation's frequencies that are all 1"};
  if (lower.find("rope_f") != std::string::npos)
    return {Kind::kStrange, "factors of the rotation's frequencies, which this architecture does not have"};
  for (const Rule& rule : kHarmlessRules) {
    if (Fits(rule, lower)) return {Kind::kHarmless, std::string(rule.why)};
  }
  for (const Rule& rule : kRefusedRules) {
    if (Fits(rule, lower)) return {Kind::kRefused, std::string(rule.why)};
  }
  return {Kind::kStrange, "nothing in this architecture has that name"};
}

}  // namespace

UnusedTensor JudgeUnused(const std::string& name, const ModelFile& file, bool is_vision_file, const ModelFile* vision,
                         const ModelConfig& config) {
  const bool is_gguf = file.format() == ModelFile::Format::kGguf;
  const HfPlace place = is_gguf ? HfPlace{name.starts_with("v.") || name.starts_with("mm."), name} : PlaceOfHf(name);
  const auto judged = [&]() -> Judgement {
    if (is_gguf && (name.starts_with("a.") || name.starts_with("mm.a.")))
      return {Kind::kStrange, "of a tower for sound, which this architecture does not have"};
    if (auto tower = JudgeTower(place.is_tower, is_vision_file, vision, TowerFormOf(file), config)) return *tower;
    if (place.is_tower || is_vision_file) return JudgeByRules(name, file);
    const bool is_announced = is_gguf && file.metadata().Int("qwen35.nextn_predict_layers").value_or(0) > 0;
    if (auto draft = JudgeDraft(place.name, is_gguf, is_announced, config)) return *draft;
    if (!is_gguf && config.is_tied && place.name == names::kOutput.hf)
      return {Kind::kHarmless, "the same numbers as the embedding, which the head is tied to"};
    const int num_known = config.num_layers() + (is_gguf && config.has_mtp ? 1 : 0);
    if (NumberAfter(place.name, is_gguf ? "blk." : "layers.").value_or(0) >= num_known)
      return {Kind::kStrange, Cat("of a layer beyond the model's ", config.num_layers())};
    if (!is_gguf && IsOfUnknownTower(Lower(name))) return {Kind::kStrange, "of a tower under a name that is not known"};
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
