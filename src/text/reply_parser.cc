// SPDX-License-Identifier: Apache-2.0
#include "text/reply_parser.h"

#include "text/tool_call_syntax.h"

#include <algorithm>
#include <utility>

namespace thimble {

namespace {

constexpr std::string_view kThinkOpen = "<think>";
constexpr std::string_view kThinkClose = "</think>";
constexpr std::string_view kCallOpen = "<tool_call>";
constexpr std::string_view kCallClose = "</tool_call>";

// Length of the longest end of `text` that is a proper beginning of `pattern`.
std::size_t PartialMatch(std::string_view text, std::string_view pattern) {
  std::size_t length = std::min(text.size(), pattern.empty() ? 0 : pattern.size() - 1);
  while (length > 0 && text.substr(text.size() - length) != pattern.substr(0, length)) --length;
  return length;
}

std::size_t TrailingNewlines(std::string_view text) {
  const std::size_t last = text.find_last_not_of('\n');
  return last == std::string_view::npos ? text.size() : text.size() - last - 1;
}

}  // namespace

ReplyParser::ReplyParser(ReplyOptions options) : options_(std::move(options)) {
  std::erase(options_.stop_strings, "");
  if (options_.starts_in_thinking) {
    state_ = State::kThinking;
    skips_newlines_ = true;
  }
}

bool ReplyParser::in_thinking() const { return state_ == State::kThinking; }
bool ReplyParser::hit_stop_string() const { return state_ == State::kStopped; }

void ReplyParser::Append(std::string_view text, std::vector<ReplyEvent>* events) {
  if (state_ == State::kStopped) return;
  held_ += text;
  Process(false, events);
}

void ReplyParser::Finish(std::vector<ReplyEvent>* events) {
  if (state_ != State::kStopped) Process(true, events);
  held_.clear();
}

void ReplyParser::Process(bool is_final, std::vector<ReplyEvent>* events) {
  bool goes_on = true;
  while (goes_on) {
    if (skips_newlines_) {
      const std::size_t first = held_.find_first_not_of('\n');
      if (first == std::string::npos) {
        held_.clear();
        return;
      }
      held_.erase(0, first);
      skips_newlines_ = false;
    }
    switch (state_) {
      case State::kThinking:
        goes_on = ProcessThinking(is_final, events);
        break;
      case State::kContent:
        goes_on = ProcessContent(is_final, events);
        break;
      case State::kToolCall:
        goes_on = ProcessToolCall(is_final, events);
        break;
      case State::kStopped:
        return;
    }
  }
}

// Each of the three returns true when the state changed and there may be more to do.

bool ReplyParser::ProcessThinking(bool is_final, std::vector<ReplyEvent>* events) {
  const auto emit = [&](std::string_view text) {
    if (!text.empty()) events->push_back({ReplyEvent::Kind::kThinking, std::string(text), {}});
  };
  if (const std::size_t close = held_.find(kThinkClose); close != std::string::npos) {
    const std::string_view reasoning = std::string_view(held_).substr(0, close);
    emit(reasoning.substr(0, reasoning.size() - TrailingNewlines(reasoning)));
    held_.erase(0, close + kThinkClose.size());
    state_ = State::kContent;
    skips_newlines_ = true;
    has_content_ = true;  // a second <think> is text
    return true;
  }
  std::size_t ready = held_.size();
  if (!is_final) ready -= PartialMatch(held_, kThinkClose);
  ready -= TrailingNewlines(std::string_view(held_).substr(0, ready));
  emit(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return false;
}

void ReplyParser::EmitContent(std::string_view text, std::vector<ReplyEvent>* events) {
  if (text.empty()) return;
  has_content_ = true;
  events->push_back({ReplyEvent::Kind::kContent, std::string(text), {}});
}

bool ReplyParser::ProcessContent(bool is_final, std::vector<ReplyEvent>* events) {
  // A reply that opens its own think block does so before anything else.
  if (!has_content_) {
    if (held_.starts_with(kThinkOpen)) {
      held_.erase(0, kThinkOpen.size());
      state_ = State::kThinking;
      skips_newlines_ = true;
      return true;
    }
    if (!is_final && kThinkOpen.starts_with(held_)) return false;
  }
  // The earliest of a tool call and the stop strings; of two that begin together the stop string.
  std::size_t found = held_.find(kCallOpen);
  bool is_stop = false;
  for (const std::string& stop : options_.stop_strings) {
    const std::size_t at = held_.find(stop);
    if (at != std::string::npos && (found == std::string::npos || at <= found)) {
      found = at;
      is_stop = true;
    }
  }
  // A longer pattern may have begun before the one that is complete: wait until it is decided.
  std::size_t undecided = held_.size();
  if (!is_final) {
    undecided = held_.size() - PartialMatch(held_, kCallOpen);
    for (const std::string& stop : options_.stop_strings)
      undecided = std::min(undecided, held_.size() - PartialMatch(held_, stop));
  }
  if (found != std::string::npos && (is_stop ? found <= undecided : found < undecided)) {
    std::string_view before = std::string_view(held_).substr(0, found);
    if (is_stop) {
      EmitContent(before, events);
      held_.clear();
      state_ = State::kStopped;
      return false;
    }
    EmitContent(before.substr(0, before.size() - TrailingNewlines(before)), events);
    held_.erase(0, found + kCallOpen.size());
    state_ = State::kToolCall;
    has_begun_call_ = false;
    call_given_ = 0;
    return true;
  }
  std::size_t ready = undecided;
  // Newlines may be those before a tool call, which do not belong to the content.
  if (!is_final) ready -= TrailingNewlines(std::string_view(held_).substr(0, ready));
  EmitContent(std::string_view(held_).substr(0, ready), events);
  held_.erase(0, ready);
  return false;
}

bool ReplyParser::ProcessToolCall(bool is_final, std::vector<ReplyEvent>* events) {
  const std::size_t close = held_.find(kCallClose);
  const std::string_view body = std::string_view(held_).substr(0, close);
  if (!has_begun_call_) {
    if (const auto header = ReadFunctionHeader(body); header.has_value()) {
      events->push_back({ReplyEvent::Kind::kToolCallBegin, header->name, {}});
      has_begun_call_ = true;
      call_given_ = header->length;
    }
  }
  if (has_begun_call_) {
    const std::size_t ready =
        close != std::string::npos ? close : held_.size() - (is_final ? 0 : PartialMatch(held_, kCallClose));
    if (ready > call_given_) {
      events->push_back({ReplyEvent::Kind::kToolCallPiece, held_.substr(call_given_, ready - call_given_), {}});
      call_given_ = ready;
    }
  }
  if (close == std::string::npos) {
    if (is_final) {
      EmitContent(std::string(kCallOpen) + held_, events);
      held_.clear();
    }
    return false;
  }
  if (auto call = ParseToolCall(body, options_.tools); call.has_value()) {
    events->push_back({ReplyEvent::Kind::kToolCallEnd, "", std::move(*call)});
    has_content_ = true;
    skips_newlines_ = true;
  } else {
    EmitContent(std::string(kCallOpen) + held_.substr(0, close + kCallClose.size()), events);
  }
  held_.erase(0, close + kCallClose.size());
  state_ = State::kContent;
  return true;
}

}  // namespace thimble
