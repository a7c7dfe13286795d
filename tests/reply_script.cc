// SPDX-License-Identifier: Apache-2.0
#include "reply_script.h"

#include "base/text.h"
#include "text/tool_schema.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace thimble::testing {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kOpen = "<think>";
constexpr std::string_view kClose = "</think>";

Error Wrong(std::string_view what) { return Error{Code::kInvalid, Cat("[script] ", what)}; }

// The reply's think block with its tags, and what follows it.
struct Halves {
  std::string_view thinking, answer;
};

Halves Split(std::string_view say) {
  const std::size_t close = say.starts_with(kOpen) ? say.find(kClose) : std::string_view::npos;
  if (close == std::string_view::npos) return {"", say};
  std::size_t end = close + kClose.size();
  while (end < say.size() && say[end] == '\n') ++end;
  return {say.substr(0, close + kClose.size()), say.substr(end)};
}

class ScriptFilter final : public TokenFilter {
 public:
  ScriptFilter(const Tokenizer* tokenizer, std::size_t vocabulary, std::string say, double tokens_per_second)
      : tokenizer_(tokenizer), mask_(vocabulary), say_(std::move(say)), tokens_per_second_(tokens_per_second) {}

  void Begin(bool starts_in_thinking) override {
    const auto [thinking, answer] = Split(say_);
    ids_.clear();
    if (starts_in_thinking) {
      // What the template writes behind the tag is in the prompt already.
      std::string_view thoughts = thinking.substr(std::min(kOpen.size(), thinking.size()));
      if (thoughts.starts_with('\n')) thoughts.remove_prefix(1);
      Append(thoughts.empty() ? "\n</think>" : thoughts);
      Append("\n\n");
    }
    answer_begin_ = ids_.size();
    Append(answer);
    ids_.push_back(tokenizer_->end_tokens().front());
    next_ = 0;
    began_ = Clock::now();
  }

  const TokenMask* Allowed() override {
    // The end again and again, where the client ignores it.
    mask_ = TokenMask(mask_.size());
    mask_.Allow(ids_[std::min(next_, ids_.size() - 1)]);
    return &mask_;
  }

  void Accept(std::int32_t id) override {
    if (next_ < ids_.size() && id == ids_[next_]) {
      ++next_;
    } else {
      next_ = std::max(next_, answer_begin_);  // the engine has closed the think block itself
    }
    ++num_accepted_;
    if (tokens_per_second_ <= 0) return;
    std::this_thread::sleep_until(began_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                                               static_cast<double>(num_accepted_) / tokens_per_second_)));
  }

 private:
  void Append(std::string_view text) { tokenizer_->EncodeTo(text, AddedTokens::kRecognise, &ids_); }

  const Tokenizer* tokenizer_;
  TokenMask mask_;
  const std::string say_;
  const double tokens_per_second_;
  std::vector<std::int32_t> ids_;
  std::size_t answer_begin_ = 0;
  std::size_t next_ = 0;
  std::size_t num_accepted_ = 0;
  Clock::time_point began_;
};

std::string TextOf(const Message& message) {
  std::string text;
  for (const Part& part : message.content) text += part.text;
  return text;
}

struct Asked {
  std::string user, role;
};

Asked WhatIsAsked(const service::Ask& ask) {
  if (!ask.generate.has_chat()) return {ask.raw_prompt, "user"};
  const std::vector<Message>& messages = ask.generate.chat().messages;
  Asked asked;
  asked.role = messages.empty() ? "" : messages.back().role;
  for (const Message& message : messages) {
    if (message.role == "user") asked.user = TextOf(message);
  }
  return asked;
}

bool MayCall(const service::Ask& ask, std::string_view part) {
  const std::vector<Json>& tools = ask.generate.tools();
  return std::any_of(tools.begin(), tools.end(), [&](const Json& tool) {
    const Json* function = tool.Find("function");
    const Json* name = (function != nullptr ? *function : tool).Find("name");
    return name != nullptr && name->text().find(part) != std::string::npos;
  });
}

Result<ScriptRule> ParseRule(const Json& json) {
  if (!json.IsObject()) return Wrong("a rule must be an object");
  ScriptRule rule;
  for (const auto& [key, value] : json.members()) {
    if (!value.IsString()) return Wrong(Cat("\"", key, "\" of a rule must be text"));
    if (key == "user") {
      rule.user = value.text();
    } else if (key == "tool") {
      rule.tool = value.text();
    } else if (key == "role") {
      rule.role = value.text();
    } else if (key == "say") {
      rule.say = value.text();
    } else {
      return Wrong(Cat("a rule has user, tool, role and say, found \"", key, "\""));
    }
  }
  return rule;
}

}  // namespace

Result<ReplyScript> ParseReplyScript(std::string_view text) {
  THIMBLE_ASSIGN_OR_RETURN(const Json json, Json::Parse(text, "script"));
  if (!json.IsObject()) return Wrong("must be an object");
  ReplyScript script;
  std::optional<std::string> fallback;
  for (const auto& [key, value] : json.members()) {
    if (key == "tokens_per_second" && value.AsDouble().value_or(0) > 0) {
      script.tokens_per_second = *value.AsDouble();
    } else if (key == "default" && value.IsString()) {
      fallback = value.text();
    } else if (key == "rules" && value.IsArray()) {
      for (const Json& item : value.items()) {
        THIMBLE_ASSIGN_OR_RETURN(ScriptRule rule, ParseRule(item));
        script.rules.push_back(std::move(rule));
      }
    } else {
      return Wrong(Cat("has tokens_per_second (above 0), rules (a list) and default (text), found \"", key, "\""));
    }
  }
  if (fallback.has_value()) script.rules.push_back({"", "", "", fallback});
  return script;
}

const ScriptRule* FindRule(const ReplyScript& script, const service::Ask& ask) {
  const Asked asked = WhatIsAsked(ask);
  for (const ScriptRule& rule : script.rules) {
    const bool is_for_it = asked.user.find(rule.user) != std::string::npos &&
                           (rule.role.empty() || rule.role == asked.role) &&
                           (rule.tool.empty() || MayCall(ask, rule.tool));
    if (is_for_it) return &rule;
  }
  return nullptr;
}

std::shared_ptr<TokenFilter> ScriptedFilter(const ReplyScript& script, const service::Ask& ask,
                                            const service::LiveModel& model) {
  const ScriptRule* rule = FindRule(script, ask);
  if (rule == nullptr || !rule->say.has_value()) return nullptr;
  return std::make_shared<ScriptFilter>(&model.engine->tokenizer(),
                                        static_cast<std::size_t>(model.engine->config().vocab), *rule->say,
                                        script.tokens_per_second);
}

}  // namespace thimble::testing
