// SPDX-License-Identifier: Apache-2.0
#include "service/anthropic_request.h"

#include "base/text.h"
#include "service/request_draft.h"

#include <utility>
#include <vector>

namespace thimble::service {

namespace {

constexpr int kMessageTokens = 4096;  // where the request says nothing; Anthropic's own service asks for it

// A line that Claude Code puts in front of the system text. It changes with every request: nothing behind it could be
// remembered from the one before.
constexpr std::string_view kBillingLine = "x-anthropic-billing-header:";

OrFault<Done> KeepSystem(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsString() && !value.IsArray()) return WrongValue(key, "text or a list of text blocks", value);
  draft->system = &value;
  return Done{};
}

OrFault<Done> CheckThinking(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  const std::string type = TypeOf(value);
  if (type != "enabled" && type != "disabled" && type != "adaptive")
    return WrongValue(key, "an object of the type enabled, disabled or adaptive", value);
  const Json* budget = value.Find("budget_tokens");
  if (budget == nullptr || budget->IsNull()) return Done{};
  constexpr std::int64_t kMost = 1 << 24;
  THIMBLE_RETURN_IF_ERROR(WholeOf("thinking.budget_tokens", *budget, 1, kMost));
  return Done{};
}

// {"type": "json_schema", "schema"}.
OrFault<Done> ReadFormat(std::string_view key, const Json& value, RequestDraft* draft) {
  const Json* schema = value.Find("schema");
  if (TypeOf(value) != "json_schema" || schema == nullptr)
    return WrongValue(key, "of the type json_schema, with a \"schema\"", value);
  return AskForJson(key, schema, true, draft);
}

// {"effort", "format"}. How hard to try has no place in the model's form.
OrFault<Done> ReadOutput(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsObject()) return WrongValue(key, "an object", value);
  const Json* format = value.Find("format");
  if (format == nullptr || format->IsNull()) return Done{};
  return ReadFormat("output_config.format", *format, draft);
}

constexpr KeyRule kRules[] = {
    {"max_tokens", ReadPositiveLength},
    {"system", KeepSystem},
    {"thinking", CheckThinking, true},
    {"output_config", ReadOutput},
    {"output_format", ReadFormat},
    // Where and for whom the provider works, what it keeps and bills: nothing here.
    {"container", IgnoreKey},
    {"diagnostics", IgnoreKey},
    {"inference_geo", IgnoreKey},
    {"speed", IgnoreKey},
    {"user_profile_id", IgnoreKey},
    {"workspace_id", IgnoreKey},
    {"context_management", IgnoreKey},
    {"betas", IgnoreKey},
};

bool IsBillingLine(const Json& block) {
  const Json* text = block.IsString() ? &block : block.Find("text");
  return text != nullptr && text->IsString() && text->text().starts_with(kBillingLine);
}

OrFault<Done> ReadSystem(RequestDraft* draft) {
  const Json* system = draft->system;
  if (system == nullptr || client_internal::SaysNothing(*system)) return Done{};
  Json content = *system;
  if (content.IsArray()) std::erase_if(content.items(), IsBillingLine);
  if (client_internal::SaysNothing(content) || IsBillingLine(content)) return Done{};
  const Json message = Json::Object({{"role", Json::String("system")}, {"content", std::move(content)}});
  auto read = ParseClientMessages(Json::Array({message}), &draft->client.unused);
  if (!read.ok()) return WrongValue("system", "text or a list of text blocks", *system);
  for (Message& one : read.value().messages) {
    for (const Part& part : one.content) {
      if (part.kind != Part::Kind::kText) return WrongValue("system", "text or a list of text blocks", *system);
    }
    draft->client.chat.messages.push_back(std::move(one));
  }
  return Done{};
}

OrFault<ToolChoice> ReadToolChoice(RequestDraft* draft) {
  ToolChoice choice;
  const Json* value = draft->tool_choice;
  if (value == nullptr) return choice;
  const std::string type = TypeOf(*value);
  choice.drops_tools = type == "none";
  choice.must_call = type == "any" || type == "tool";
  const Json* name = client_internal::FindValue(*value, "name");
  const bool needs_name = type == "tool";
  if (name == nullptr ? needs_name : !name->IsString())
    return WrongValue("tool_choice", "a tool with a \"name\"", *value);
  if (needs_name) {
    choice.names.push_back(name->text());
    draft->one_call = true;
  } else if (!choice.drops_tools && !choice.must_call && type != "auto") {
    return WrongValue("tool_choice", "an object of the type auto, any, tool or none", *value);
  }
  if (const Json* single = value->Find("disable_parallel_tool_use"); single != nullptr && !single->IsNull()) {
    THIMBLE_ASSIGN_OR_RETURN(const bool is_single, FlagOf("tool_choice.disable_parallel_tool_use", *single));
    draft->one_call = draft->one_call || is_single;
  }
  return choice;
}

OrFault<Ask> ParseMessages(const Json& body, bool is_for_count) {
  RequestDraft draft;
  draft.is_for_count = is_for_count;
  THIMBLE_RETURN_IF_ERROR(ReadKeys(body, kRules, &draft));
  THIMBLE_ASSIGN_OR_RETURN(const ToolChoice choice, ReadToolChoice(&draft));
  THIMBLE_RETURN_IF_ERROR(ReadSystem(&draft));
  if (!draft.client.settings.max_tokens) draft.client.settings.max_tokens = kMessageTokens;
  THIMBLE_RETURN_IF_ERROR(FinishChat(choice, &draft));
  Ask ask = std::move(draft.ask);
  Chat& chat = ask.generate.chat();
  // An answer that the client began itself goes on.
  if (chat.messages.back().role == "assistant" && chat.messages.back().tool_calls.empty()) {
    chat.options.continue_final_message = true;
    chat.options.add_generation_prompt = false;
  }
  return ask;
}

}  // namespace

OrFault<Ask> ParseAnthropicMessages(const Json& body) { return ParseMessages(body, false); }
OrFault<Ask> ParseAnthropicCount(const Json& body) { return ParseMessages(body, true); }

}  // namespace thimble::service
