// SPDX-License-Identifier: Apache-2.0
// GenerateRequest: what the model shall read, and how it shall answer.
#pragma once

#include "engine/picture.h"
#include "engine/token_filter.h"
#include "files/json.h"
#include "sampling/sampler.h"
#include "text/chat.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace thimble {

enum class ThinkMode { kAuto, kOff, kOn };  // kAuto: the template's default

// A prompt as token ids, whose picture placeholders are already expanded.
struct PromptIds {
  std::vector<std::int32_t> ids;
  std::vector<Json> tools;  // that they tell the model of: types for the calls in its reply
};

struct GenerateRequest {
  // What the model reads: a conversation, or token ids.
  std::variant<Chat, PromptIds> prompt;
  std::vector<Picture> pictures;       // in the order of the prompt's places for them
  ThinkMode think = ThinkMode::kAuto;  // of a conversation; wins over its options' enable_thinking when not kAuto
  // How large pictures of a conversation are read that say nothing themselves; unset: Detail::kFile. A picture's size
  // is decided where it stands: what comes later changes nothing. Reply::pictures tells; Settle keeps it for the next
  // turn.
  std::optional<Detail> detail;

  // What the reply may say; nullptr: anything. One that can begin anew serves the next reply as well.
  std::shared_ptr<TokenFilter> filter;
  SamplerHints sampling;  // what the user set; the rest from file and card
  std::vector<std::pair<std::int32_t, double>> logit_bias;
  std::optional<std::uint64_t> seed;  // unset: drawn from the clock and reported in stats
  int max_tokens = 0;                 // 0: until the context is full
  bool ignore_eos = false;
  std::vector<std::int32_t> more_ends;  // tokens that end the reply as the tokenizer's own do
  std::vector<std::string> stop_strings;
  // Tells of each token of the reply how likely the model found it, and of so many alternatives (Event::kToken).
  std::optional<int> top_logprobs;
  bool is_plain = false;  // the reply is text and nothing else: tags of reasoning and calls are text like any other
  bool is_calls_or_text = false;  // ReplyOptions'
  // Thinking guard: after this many thinking tokens, or when the reasoning repeats itself, the think block is closed
  // and the answer written. Budget: unset = a default for chats and none for ids; 0 = no limit.
  std::optional<int> think_budget;
  std::optional<bool> loop_guard;  // unset: on for chats, off for ids

  [[nodiscard]] bool has_chat() const { return std::holds_alternative<Chat>(prompt); }
  // Of a request that has one.
  [[nodiscard]] Chat& chat() { return *std::get_if<Chat>(&prompt); }
  [[nodiscard]] const Chat& chat() const { return *std::get_if<Chat>(&prompt); }
  [[nodiscard]] const std::vector<std::int32_t>& ids() const { return std::get_if<PromptIds>(&prompt)->ids; }
  [[nodiscard]] std::vector<Json>& tools() {
    return has_chat() ? chat().tools : std::get_if<PromptIds>(&prompt)->tools;
  }
  [[nodiscard]] const std::vector<Json>& tools() const {
    return has_chat() ? chat().tools : std::get_if<PromptIds>(&prompt)->tools;
  }
};

}  // namespace thimble
