// SPDX-License-Identifier: Apache-2.0
// Settings by which models of other architectures compute something else than Qwen 3.5 does. A value that changes
// nothing passes; any other is refused with its key: the model would answer, and not as it was trained to.
#include "base/text.h"
#include "model/config.h"
#include "model/config_limits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace thimble {

namespace {

enum class Neutral {
  kZero,       // a limit, a count or a slope: 0 is off
  kZeroOrOne,  // a factor: 1 changes nothing, and 0 stands for none
  kAttention,  // the factor of attention's scores: 0, or what is used, 1 / sqrt(head)
};

struct NumberKey {
  const char* key;
  Neutral neutral;
};

// Below "qwen35.", as llama.cpp names them.
constexpr std::array kGgufNumbers = {
    NumberKey{"attention.scale", Neutral::kAttention},
    NumberKey{"logit_scale", Neutral::kZeroOrOne},
    NumberKey{"embedding_scale", Neutral::kZeroOrOne},
    NumberKey{"residual_scale", Neutral::kZeroOrOne},
    NumberKey{"attention.output_scale", Neutral::kZeroOrOne},
    NumberKey{"attention.value_scale", Neutral::kZeroOrOne},
    NumberKey{"attention.temperature_scale", Neutral::kZero},
    NumberKey{"rope.scale_linear", Neutral::kZeroOrOne},
    NumberKey{"attn_logit_softcapping", Neutral::kZero},
    NumberKey{"final_logit_softcapping", Neutral::kZero},
    NumberKey{"router_logit_softcapping", Neutral::kZero},
    NumberKey{"attention.clamp_kqv", Neutral::kZero},
    NumberKey{"attention.max_alibi_bias", Neutral::kZero},
    NumberKey{"attention.sliding_window", Neutral::kZero},
    NumberKey{"attention.relative_buckets_count", Neutral::kZero},
    NumberKey{"attention.shared_kv_layers", Neutral::kZero},
    NumberKey{"attention.q_lora_rank", Neutral::kZero},
    NumberKey{"attention.kv_lora_rank", Neutral::kZero},
    NumberKey{"rescale_every_n_layers", Neutral::kZero},
    NumberKey{"n_deepstack_layers", Neutral::kZero},
    NumberKey{"embedding_length_per_layer_input", Neutral::kZero},
    NumberKey{"use_parallel_residual", Neutral::kZero},
    NumberKey{"swin_norm", Neutral::kZero},
    NumberKey{"pooling_type", Neutral::kZero},
    NumberKey{"expert_count", Neutral::kZero},
    NumberKey{"expert_used_count", Neutral::kZero},
    NumberKey{"expert_shared_count", Neutral::kZero},
    NumberKey{"expert_group_count", Neutral::kZero},
    NumberKey{"expert_group_used_count", Neutral::kZero},
    NumberKey{"expert_feed_forward_length", Neutral::kZero},
    NumberKey{"expert_shared_feed_forward_length", Neutral::kZero},
    NumberKey{"expert_chunk_feed_forward_length", Neutral::kZero},
    NumberKey{"expert_weights_scale", Neutral::kZeroOrOne},
    NumberKey{"moe_every_n_layers", Neutral::kZero},
    NumberKey{"leading_dense_block_count", Neutral::kZero},
};

// In config.json's part about the text model, as transformers names them.
constexpr std::array kHfNumbers = {
    NumberKey{"attention_multiplier", Neutral::kAttention},
    NumberKey{"attention_scale", Neutral::kAttention},
    NumberKey{"attn_scale", Neutral::kAttention},
    NumberKey{"softmax_scale", Neutral::kAttention},
    NumberKey{"logit_scale", Neutral::kZeroOrOne},
    NumberKey{"logits_scaling", Neutral::kZeroOrOne},
    NumberKey{"lm_head_multiplier", Neutral::kZeroOrOne},
    NumberKey{"embedding_multiplier", Neutral::kZeroOrOne},
    NumberKey{"embedding_scale", Neutral::kZeroOrOne},
    NumberKey{"scale_emb", Neutral::kZeroOrOne},
    NumberKey{"residual_multiplier", Neutral::kZeroOrOne},
    NumberKey{"residual_scale", Neutral::kZeroOrOne},
    NumberKey{"key_multiplier", Neutral::kZeroOrOne},
    NumberKey{"attention_in_multiplier", Neutral::kZeroOrOne},
    NumberKey{"attention_out_multiplier", Neutral::kZeroOrOne},
    NumberKey{"ssm_in_multiplier", Neutral::kZeroOrOne},
    NumberKey{"ssm_out_multiplier", Neutral::kZeroOrOne},
    NumberKey{"ssm_multipliers", Neutral::kZeroOrOne},
    NumberKey{"mlp_multipliers", Neutral::kZeroOrOne},
    NumberKey{"scale_depth", Neutral::kZero},
    NumberKey{"final_logit_softcapping", Neutral::kZero},
    NumberKey{"attn_logit_softcapping", Neutral::kZero},
    NumberKey{"router_logit_softcapping", Neutral::kZero},
    NumberKey{"clip_qkv", Neutral::kZero},
    NumberKey{"clamp_kqv", Neutral::kZero},
    NumberKey{"max_alibi_bias", Neutral::kZero},
    NumberKey{"num_kv_shared_layers", Neutral::kZero},
    NumberKey{"q_lora_rank", Neutral::kZero},
    NumberKey{"kv_lora_rank", Neutral::kZero},
    NumberKey{"num_experts", Neutral::kZero},
    NumberKey{"num_local_experts", Neutral::kZero},
    NumberKey{"n_routed_experts", Neutral::kZero},
    NumberKey{"n_shared_experts", Neutral::kZero},
    NumberKey{"moe_num_experts", Neutral::kZero},
};

// Switches of config.json, and how Qwen 3.5 has them.
constexpr std::array<std::pair<const char*, bool>, 19> kHfSwitches = {{{"attention_bias", false},
                                                                       {"attn_output_gate", true},
                                                                       {"mlp_bias", false},
                                                                       {"qkv_bias", false},
                                                                       {"use_sliding_window", false},
                                                                       {"is_causal", true},
                                                                       {"use_bidirectional_attention", false},
                                                                       {"alibi", false},
                                                                       {"use_alibi", false},
                                                                       {"use_qk_norm", true},
                                                                       {"use_parallel_residual", false},
                                                                       {"parallel_attn", false},
                                                                       {"scale_embedding", false},
                                                                       {"scale_embeddings", false},
                                                                       {"scale_attn_weights", true},
                                                                       {"scale_attn_by_inverse_layer_idx", false},
                                                                       {"enable_moe_block", false},
                                                                       {"is_encoder_decoder", false},
                                                                       {"add_cross_attention", false}}};

bool IsNeutral(double value, Neutral neutral, int head) {
  if (value == 0.0) return true;
  if (neutral == Neutral::kZeroOrOne) return value == 1.0;
  // Written as a 32-bit float, or with a few digits.
  return neutral == Neutral::kAttention && head > 0 &&
         std::fabs(value * std::sqrt(static_cast<double>(head)) - 1) < 1e-3;
}

Error NotApplied(std::string_view key, std::string_view value) {
  return Error{Code::kUnsupported, Cat("[config] ", key, " is ", EscapeControls(value.substr(0, 60)),
                                       ", which Qwen 3.5 does not have and which is not applied: use another file of "
                                       "this model")};
}

// ---- GGUF ----

// One number, or one a layer; the first that is not neutral is named.
Status CheckNumber(const Metadata& meta, const std::string& key, Neutral neutral, int head) {
  const Metadata::Value* value = meta.Find(key);
  if (value == nullptr) return Done{};
  const auto check = [&](double number) -> Status {
    return IsNeutral(number, neutral, head) ? Status(Done{}) : NotApplied(key, Cat(number));
  };
  if (const auto flag = meta.Bool(key); flag.has_value()) return *flag ? NotApplied(key, "true") : Status(Done{});
  if (const auto number = meta.Float(key); number.has_value()) return check(*number);
  if (const auto* list = meta.Ints(key); list != nullptr) {
    for (const std::int64_t number : *list) THIMBLE_RETURN_IF_ERROR(check(static_cast<double>(number)));
    return Done{};
  }
  if (const auto* list = meta.Floats(key); list != nullptr) {
    for (const double number : *list) THIMBLE_RETURN_IF_ERROR(check(number));
    return Done{};
  }
  return NotApplied(key, meta.String(key).value_or("no number"));
}

// A switch that Qwen 3.5 has on.
Status CheckIsOn(const Metadata& meta, const std::string& key) {
  const auto value = meta.Int(key);
  return value.has_value() && *value == 0 ? NotApplied(key, "false") : Status(Done{});
}

// A factor of positions holds for short contexts too, where nothing says that only long ones are meant; llama.cpp takes
// one without a type for linear.
bool IsLinear(std::string_view type) { return type.empty() || type == "linear"; }

Status CheckGgufScaling(const Metadata& meta) {
  const std::string type = meta.String("qwen35.rope.scaling.type").value_or("");
  if (IsLinear(type)) THIMBLE_RETURN_IF_ERROR(CheckNumber(meta, "qwen35.rope.scaling.factor", Neutral::kZeroOrOne, 0));
  // llama.cpp takes this one with no scaling too.
  if (!IsLinear(type) && type != "none") return Done{};
  return CheckNumber(meta, "qwen35.rope.scaling.attn_factor", Neutral::kZeroOrOne, 0);
}

// ---- Hugging Face ----

Status CheckNumber(const Json& json, const char* key, Neutral neutral, int head) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->IsNull()) return Done{};
  const auto is_neutral = [&](const Json& one) {
    if (const auto flag = one.AsBool(); flag.has_value()) return !*flag;
    const auto number = one.AsDouble();
    return number.has_value() && IsNeutral(*number, neutral, head);
  };
  const bool passes =
      value->IsArray() ? std::all_of(value->items().begin(), value->items().end(), is_neutral) : is_neutral(*value);
  return passes ? Status(Done{}) : NotApplied(key, value->Dump());
}

std::string TextAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? "" : value->AsString().value_or("");
}

double NumberAt(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? 0.0 : value->AsDouble().value_or(0.0);
}

// A window as wide as the context shuts nothing out, nor does one that is switched off.
Status CheckWindow(const Json& text) {
  const Json* is_used = text.Find("use_sliding_window");
  if (is_used != nullptr && !is_used->AsBool().value_or(true)) return Done{};
  const double context = NumberAt(text, "max_position_embeddings");
  if (context > 0 && NumberAt(text, "sliding_window") >= context) return Done{};
  return CheckNumber(text, "sliding_window", Neutral::kZero, 0);
}

// Scores are divided by the root of another number than the head's width.
Status CheckScalar(const Json& text, int head) {
  const double scalar = NumberAt(text, "query_pre_attn_scalar");
  if (scalar == 0.0 || scalar == head) return Done{};
  return NotApplied("query_pre_attn_scalar", Cat(scalar));
}

// Experts chosen of none are none.
Status CheckExperts(const Json& text) {
  const Json* count = text.Find("num_experts");
  if (count != nullptr && count->AsDouble().value_or(1.0) == 0.0) return Done{};
  for (const char* key : {"num_experts_per_tok", "moe_intermediate_size", "shared_expert_intermediate_size"})
    THIMBLE_RETURN_IF_ERROR(CheckNumber(text, key, Neutral::kZero, 0));
  return Done{};
}

Status CheckHfScaling(const Json& text) {
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const Json* rope = text.Find(key);
    if (rope == nullptr || !rope->IsObject()) continue;
    const std::string newer = TextAt(*rope, "rope_type");
    if (!IsLinear(newer.empty() ? TextAt(*rope, "type") : newer)) continue;
    for (const char* factor : {"factor", "attention_factor"}) {
      if (auto status = CheckNumber(*rope, factor, Neutral::kZeroOrOne, 0); !status.ok())
        return NotApplied(Cat(key, ".", factor), rope->Find(factor)->Dump());
    }
  }
  return Done{};
}

// Heads that give classes or one vector for a whole text in place of the next token.
Status CheckTask(const Json& root) {
  const Json* architectures = root.Find("architectures");
  if (architectures == nullptr || !architectures->IsArray()) return Done{};
  for (const Json& item : architectures->items()) {
    const std::string name = item.AsString().value_or("");
    for (const std::string_view part : {"Classification", "QuestionAnswering", "Reward", "Embedding", "Retrieval"}) {
      if (name.find(part) != std::string::npos) return NotApplied("architectures", name);
    }
  }
  return Done{};
}

}  // namespace

Status CheckGgufMeaning(const Metadata& meta, int head) {
  for (const NumberKey& number : kGgufNumbers)
    THIMBLE_RETURN_IF_ERROR(CheckNumber(meta, Cat("qwen35.", number.key), number.neutral, head));
  for (const char* key : {"qwen35.attention.causal", "qwen35.rope.mrope_interleaved"})
    THIMBLE_RETURN_IF_ERROR(CheckIsOn(meta, key));
  return CheckGgufScaling(meta);
}

Status CheckTowerMeaning(const Metadata& meta) {
  // Neither GELU nor SiLU is llama.cpp's way to say quick GELU.
  THIMBLE_RETURN_IF_ERROR(CheckIsOn(meta, "clip.use_gelu"));
  // Attention within windows, as in Qwen 2.5's towers.
  for (const char* key : {"clip.vision.n_wa_pattern", "clip.vision.window_size"})
    THIMBLE_RETURN_IF_ERROR(CheckNumber(meta, key, Neutral::kZero, 0));
  return Done{};
}

Status CheckGgufType(const Metadata& meta, bool is_vision_file) {
  for (const char* key : {"adapter.type", "adapter.lora.alpha"}) {
    if (meta.Find(key) == nullptr) continue;
    const auto number = meta.Float(key);
    return NotApplied(key, meta.String(key).value_or(number.has_value() ? Cat(*number) : "no text"));
  }
  const std::string type = meta.String("general.type").value_or("");
  // "vocab" is what a file with a tokenizer alone may call itself, "clip-vision" an older word for vision files.
  if (type.empty() || type == "model" || type == (is_vision_file ? "mmproj" : "vocab")) return Done{};
  if (is_vision_file && type == "clip-vision") return Done{};
  return Error{Code::kUnsupported,
               Cat("[config] general.type is '", EscapeControls(type.substr(0, 60)), "'; needed is ",
                   is_vision_file ? "'mmproj': name a vision file" : "'model': name the model itself",
                   ", this file is something else")};
}

Status CheckHfMeaning(const Json& root, const Json& text, int head) {
  const auto refuse = [](std::string_view key, std::string_view wanted, const std::string& found) {
    return Error{Code::kUnsupported,
                 Cat("[config] ", key, " must be ", wanted, " as in Qwen 3.5, found ", EscapeControls(found))};
  };
  if (const std::string activation = TextAt(text, "hidden_act"); !activation.empty() && activation != "silu")
    return refuse("hidden_act", "silu", activation);
  for (const auto& [key, wanted] : kHfSwitches) {
    const Json* flag = text.Find(key);
    if (flag != nullptr && flag->AsBool().value_or(wanted) != wanted)
      return refuse(key, wanted ? "true" : "false", wanted ? "false" : "true");
  }
  for (const NumberKey& number : kHfNumbers)
    THIMBLE_RETURN_IF_ERROR(CheckNumber(text, number.key, number.neutral, head));
  THIMBLE_RETURN_IF_ERROR(CheckWindow(text));
  THIMBLE_RETURN_IF_ERROR(CheckScalar(text, head));
  THIMBLE_RETURN_IF_ERROR(CheckExperts(text));
  THIMBLE_RETURN_IF_ERROR(CheckHfScaling(text));
  return CheckTask(root);
}

}  // namespace thimble
