// SPDX-License-Identifier: Apache-2.0
// TokenizerSource from GGUF's tokenizer.ggml.* keys.
#include "base/text.h"
#include "text/tokenizer_source.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace thimble {
namespace {

// The added tokens of the published tokenizer. GGUF writers class some of them as control tokens that are not special,
// so where a text is known its kind comes from here.
constexpr std::array<std::pair<std::string_view, bool>, 33> kKnownAdded = {{
    {"<|endoftext|>", true},      {"<|im_start|>", true},
    {"<|im_end|>", true},         {"<|object_ref_start|>", true},
    {"<|object_ref_end|>", true}, {"<|box_start|>", true},
    {"<|box_end|>", true},        {"<|quad_start|>", true},
    {"<|quad_end|>", true},       {"<|vision_start|>", true},
    {"<|vision_end|>", true},     {"<|vision_pad|>", true},
    {"<|image_pad|>", true},      {"<|video_pad|>", true},
    {"<tool_call>", false},       {"</tool_call>", false},
    {"<|fim_prefix|>", false},    {"<|fim_middle|>", false},
    {"<|fim_suffix|>", false},    {"<|fim_pad|>", false},
    {"<|repo_name|>", false},     {"<|file_sep|>", false},
    {"<tool_response>", false},   {"</tool_response>", false},
    {"<think>", false},           {"</think>", false},
    {"<|audio_start|>", true},    {"<|audio_end|>", true},
    {"<tts_pad>", true},          {"<tts_text_bos>", true},
    {"<tts_text_eod>", true},     {"<tts_text_bos_single>", true},
    {"<|audio_pad|>", true},
}};

// Values of tokenizer.ggml.token_type that matter here; all others are ordinary entries.
constexpr std::int64_t kTypeUnknown = 2;
constexpr std::int64_t kTypeControl = 3;
constexpr std::int64_t kTypeUserDefined = 4;
constexpr std::int64_t kTypeUnused = 5;

std::optional<bool> KnownSpecial(std::string_view text) {
  if (text.size() < 5 || text.front() != '<' || text.back() != '>') return std::nullopt;
  for (const auto& [known, is_special] : kKnownAdded) {
    if (text == known) return is_special;
  }
  return std::nullopt;
}

Status CheckKind(const Metadata& metadata, TokenizerSource* source) {
  const std::string model = metadata.String("tokenizer.ggml.model").value_or("");
  if (model.empty()) {
    return Error{Code::kNotFound,
                 "[tokenizer] GGUF has no 'tokenizer.ggml.model': open the language model's file, not its vision part"};
  }
  if (model != "gpt2") {
    return Error{Code::kUnsupported, Cat("[tokenizer] tokenizer.ggml.model must be 'gpt2' (byte-level BPE), found '",
                                         EscapeControls(model), "': this is not a Qwen 3.5 model")};
  }
  const std::string rule = metadata.String("tokenizer.ggml.pre").value_or("");
  if (rule == "qwen35") return Done{};
  if (rule.empty() || rule == "default") {
    source->warnings.emplace_back(
        "tokenizer.ggml.pre does not say how to split text; the rule of Qwen 3.5 is used. Convert the model again with "
        "a newer converter to be sure");
    return Done{};
  }
  return Error{Code::kUnsupported, Cat("[tokenizer] tokenizer.ggml.pre must be 'qwen35', found '", EscapeControls(rule),
                                       "': this is not a Qwen 3.5 model, or it was converted wrongly")};
}

Status ReadTokens(const Metadata& metadata, TokenizerSource* source) {
  const auto* texts = metadata.Strings("tokenizer.ggml.tokens");
  if (texts == nullptr || texts->empty()) {
    return Error{Code::kNotFound, "[tokenizer] GGUF has no 'tokenizer.ggml.tokens': its vocabulary is missing"};
  }
  if (texts->size() > static_cast<std::size_t>(kMaxTokenIds)) {
    return Error{Code::kUnsupported,
                 Cat("[tokenizer] a vocabulary may have ", kMaxTokenIds, " entries, found ", texts->size())};
  }
  const auto* types = metadata.Ints("tokenizer.ggml.token_type");
  if (types == nullptr) {
    source->warnings.emplace_back("tokenizer.ggml.token_type is missing; special tokens are found by their names");
  } else if (types->size() != texts->size()) {
    return Error{Code::kCorrupt, Cat("[tokenizer] tokenizer.ggml.token_type must have one entry for each of the ",
                                     texts->size(), " tokens, found ", types->size())};
  }
  source->tokens.reserve(texts->size());
  for (std::size_t index = 0; index < texts->size(); ++index) {
    const std::string_view text = (*texts)[index];
    const std::int64_t type = types == nullptr ? 1 : (*types)[index];
    const auto id = static_cast<std::int32_t>(index);
    if (type == kTypeUnused || text.empty()) continue;
    const std::optional<bool> known = KnownSpecial(text);
    if (known.has_value()) {
      source->added.push_back({id, text, *known});
    } else if (text.starts_with("[PAD") && text == Cat("[PAD", id, "]")) {
      continue;  // padding of the embedding's rows that a converter did not mark as unused
    } else if (type == kTypeControl || type == kTypeUnknown || type == kTypeUserDefined) {
      source->added.push_back({id, text, type != kTypeUserDefined});
    } else {
      source->tokens.push_back({id, text});
    }
  }
  return Done{};
}

Status ReadMerges(const Metadata& metadata, TokenizerSource* source) {
  const auto* rules = metadata.Strings("tokenizer.ggml.merges");
  if (rules == nullptr) {
    return Error{Code::kNotFound,
                 "[tokenizer] GGUF has no 'tokenizer.ggml.merges': without them text cannot be cut into tokens"};
  }
  source->merges.reserve(rules->size());
  for (const std::string_view rule : *rules) {
    const std::size_t space = rule.find(' ');
    if (space == std::string_view::npos) {
      return Error{Code::kCorrupt, Cat("[tokenizer] merge ", source->merges.size(),
                                       " must be two tokens with a space between, found '", EscapeControls(rule), "'")};
    }
    source->merges.push_back({rule.substr(0, space), rule.substr(space + 1)});
  }
  return Done{};
}

}  // namespace

Result<TokenizerSource> ReadTokenizerGguf(const Metadata& metadata) {
  TokenizerSource source;
  THIMBLE_RETURN_IF_ERROR(CheckKind(metadata, &source));
  THIMBLE_RETURN_IF_ERROR(ReadTokens(metadata, &source));
  THIMBLE_RETURN_IF_ERROR(ReadMerges(metadata, &source));
  const std::optional<std::int64_t> end = metadata.Int("tokenizer.ggml.eos_token_id");
  if (end.has_value()) {
    if (*end >= 0 && *end < kMaxTokenIds) {
      source.end_ids.push_back(static_cast<std::int32_t>(*end));
    } else {
      source.warnings.push_back(Cat("tokenizer.ggml.eos_token_id is no token: ", *end));
    }
  }
  return source;
}

}  // namespace thimble
