// SPDX-License-Identifier: Apache-2.0
#include "service/openai_request.h"

#include "base/text.h"
#include "service/request_draft.h"

#include <limits>
#include <utility>

namespace thimble::service {

namespace {

constexpr int kCompletionTokens = 16;  // where the request says nothing: OpenAI's number

OrFault<Done> CheckModalities(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  bool is_text = value.IsArray();
  for (const Json& item : value.items()) is_text = is_text && item.text() == "text";
  if (!is_text) return NotSupported(key, "must be [\"text\"]: answers are text");
  return Done{};
}

OrFault<Done> ReadChatLength(std::string_view key, const Json& value, RequestDraft* draft) {
  const std::optional<int> older = draft->client.settings.max_tokens;
  THIMBLE_RETURN_IF_ERROR(ReadPositiveLength(key, value, draft));
  // OpenAI's newer name wins, wherever it stands.
  if (key == "max_tokens" && older.has_value()) draft->client.settings.max_tokens = older;
  return Done{};
}

OrFault<Done> ReadChatLogprobs(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(draft->asks_logprobs, FlagOf(key, value));
  return Done{};
}

OrFault<Done> ReadTopLogprobs(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t count, WholeOf(key, value, 0, kMostTopLogprobs));
  draft->ask.top_logprobs = static_cast<int>(count);
  return Done{};
}

OrFault<Done> KeepFormat(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsObject()) return WrongValue(key, "an object with \"type\"", value);
  draft->format = &value;
  return Done{};
}

// llama.cpp's and vLLM's places for a schema.
OrFault<Done> KeepSchema(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsObject()) return WrongValue(key, "an object", value);
  if (!value.members().empty()) draft->schema = &value;
  return Done{};
}

OrFault<Done> CheckEffort(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  constexpr std::size_t kMostBytes = 32;
  THIMBLE_RETURN_IF_ERROR(WordOf(key, value, kMostBytes));
  return Done{};
}

OrFault<Done> CheckTemplateOptions(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  if (!value.IsObject()) return WrongValue(key, "an object", value);
  for (const char* name : {"enable_thinking", "thinking"}) {
    const Json* inner = value.Find(name);
    if (inner != nullptr && !inner->IsNull()) THIMBLE_RETURN_IF_ERROR(FlagOf(Cat(key, ".", name), *inner));
  }
  return Done{};
}

// OpenAI's word of 2023 for "tool_choice".
OrFault<Done> KeepFunctionCall(std::string_view /*key*/, const Json& value, RequestDraft* draft) {
  if (draft->tool_choice == nullptr) draft->tool_choice = &value;
  return Done{};
}

OrFault<Done> RefuseSystem(std::string_view key, const Json& /*value*/, RequestDraft* /*draft*/) {
  return NotSupported(key, "has no place in this API: send a message of the role system");
}

constexpr KeyRule kChatRules[] = {
    {"max_tokens", ReadChatLength},
    {"max_completion_tokens", ReadPositiveLength},
    {"logprobs", ReadChatLogprobs},
    {"top_logprobs", ReadTopLogprobs},
    {"response_format", KeepFormat},
    {"json_schema", KeepSchema},
    {"guided_json", KeepSchema},
    {"function_call", KeepFunctionCall},
    {"modalities", CheckModalities},
    {"reasoning_effort", CheckEffort, true},
    {"chat_template_kwargs", CheckTemplateOptions, true},
    {"system", RefuseSystem},
    // Sound, which no "modalities" may ask for; guesses and searches that an answer may do without; how it is billed.
    {"audio", IgnoreKey},
    {"prediction", IgnoreKey},
    {"verbosity", IgnoreKey},
    {"web_search_options", IgnoreKey},
    {"moderation", IgnoreKey},
    {"prompt_cache_options", IgnoreKey},
};

// Names in {"type": "function", "function": {"name"}}, {"type": "function", "name"} or {"name"}.
OrFault<std::string> NameIn(const Json& choice) {
  const Json* function = choice.Find("function");
  const Json* name = (function != nullptr ? *function : choice).Find("name");
  if (name == nullptr || !name->IsString())
    return WrongValue("tool_choice", "none, auto, required, or a function with a \"name\"", choice);
  return name->text();
}

// {"type": "allowed_tools", "allowed_tools": {"mode", "tools"}}, also without the inner object.
OrFault<ToolChoice> ReadAllowedTools(const Json& choice) {
  const Json* inner = choice.Find("allowed_tools");
  const Json& allowed = inner != nullptr && inner->IsObject() ? *inner : choice;
  const Json* mode = allowed.Find("mode");
  const Json* tools = allowed.Find("tools");
  const bool is_right = mode != nullptr && (mode->text() == "auto" || mode->text() == "required") && tools != nullptr &&
                        tools->IsArray() && !tools->items().empty() && tools->items().size() <= kMostTools;
  if (!is_right)
    return WrongValue("tool_choice", "allowed tools with a mode, auto or required, and a list of tools", choice);
  ToolChoice out;
  out.must_call = mode->text() == "required";
  for (const Json& tool : tools->items()) {
    THIMBLE_ASSIGN_OR_RETURN(std::string name, NameIn(tool));
    out.names.push_back(std::move(name));
  }
  return out;
}

// Also without a type.
bool IsFunctionChoice(const Json& choice) {
  const Json* type = client_internal::FindValue(choice, "type");
  return type == nullptr || type->text() == "function";
}

OrFault<ToolChoice> ReadToolChoice(const Json* value, RequestDraft* draft) {
  ToolChoice choice;
  if (value == nullptr) return choice;
  if (value->IsString()) {
    const std::string& word = value->text();
    choice.drops_tools = word == "none";
    choice.must_call = word == "required" || word == "any";  // Mistral's word
    if (choice.drops_tools || choice.must_call || word == "auto") return choice;
  } else if (TypeOf(*value) == "allowed_tools") {
    return ReadAllowedTools(*value);
  } else if (value->IsObject() && IsFunctionChoice(*value)) {
    THIMBLE_ASSIGN_OR_RETURN(std::string name, NameIn(*value));
    choice.must_call = true;
    choice.names.push_back(std::move(name));
    draft->one_call = true;
    return choice;
  }
  return WrongValue("tool_choice", "none, auto, required, or a function with a \"name\"", *value);
}

OrFault<Done> ReadFormat(RequestDraft* draft) {
  if (draft->format != nullptr) {
    constexpr std::string_view kKey = "response_format";
    const std::string type = TypeOf(*draft->format);
    if (type == "json_object") {
      THIMBLE_RETURN_IF_ERROR(AskForJson(kKey, draft->format->Find("schema"), false, draft));  // llama.cpp's way
    } else if (type == "json_schema") {
      const Json* inner = draft->format->Find("json_schema");
      if (inner == nullptr || !inner->IsObject()) inner = draft->format;
      const Json* strict = client_internal::FindValue(*inner, "strict");
      bool is_strict = false;
      if (strict != nullptr) {
        THIMBLE_ASSIGN_OR_RETURN(is_strict, FlagOf(Cat(kKey, ".strict"), *strict));
      }
      THIMBLE_RETURN_IF_ERROR(AskForJson(kKey, inner->Find("schema"), is_strict, draft));
    } else if (type != "text") {
      return WrongValue(kKey, "of the type text, json_object or json_schema", *draft->format);
    }
  }
  if (draft->schema != nullptr) return AskForJson("json_schema", draft->schema, false, draft);
  return Done{};
}

OrFault<Done> FinishLogprobs(RequestDraft* draft) {
  std::optional<int>& top = draft->ask.top_logprobs;
  if (draft->asks_logprobs.value_or(false)) {
    top = top.value_or(0);
  } else if (top.value_or(0) > 0) {
    return NotSupported("top_logprobs", "needs \"logprobs\": true");
  } else {
    top.reset();
  }
  return Done{};
}

OrFault<Done> ReadEcho(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(draft->ask.echoes, FlagOf(key, value));
  return Done{};
}

OrFault<Done> CheckBestOf(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  THIMBLE_RETURN_IF_ERROR(WholeOf(key, value, 0, 1));
  return Done{};
}

OrFault<Done> KeepPrompt(std::string_view /*key*/, const Json& value, RequestDraft* draft) {
  draft->prompt = &value;
  return Done{};
}

OrFault<Done> ReadSuffix(std::string_view key, const Json& value, RequestDraft* draft) {
  if (value.IsNull()) return Done{};
  if (!value.IsString()) return WrongValue(key, "text", value);
  if (!value.text().empty()) draft->ask.suffix = value.text();
  return Done{};
}

OrFault<Done> RefuseInCompletion(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  if (client_internal::SaysNothing(value)) return Done{};
  return NotSupported(key, "belongs to /v1/chat/completions: here a prompt goes on as plain text");
}

constexpr KeyRule kCompletionRules[] = {
    {"prompt", KeepPrompt},
    {"max_tokens", ReadPositiveLength},
    {"logprobs", ReadTopLogprobs},
    {"n_probs", ReadTopLogprobs},  // llama.cpp's name
    {"echo", ReadEcho},
    {"best_of", CheckBestOf},
    {"suffix", ReadSuffix},
    {"response_format", KeepFormat},
    {"json_schema", KeepSchema},
    {"guided_json", KeepSchema},
    {"messages", RefuseInCompletion},
    {"tools", RefuseInCompletion},
    {"functions", RefuseInCompletion},
    {"when_full", RefuseInCompletion},
};

OrFault<Done> ReadIds(const Json& list, GenerateRequest* generate) {
  PromptIds prompt;
  prompt.ids.reserve(list.items().size());
  for (const Json& item : list.items()) {
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t id,
                             WholeOf("prompt", item, 0, std::numeric_limits<std::int32_t>::max()));
    prompt.ids.push_back(static_cast<std::int32_t>(id));
  }
  generate->prompt = std::move(prompt);
  return Done{};
}

// Text, token ids, or a list of one of them.
OrFault<Done> ReadPrompt(RequestDraft* draft) {
  constexpr std::string_view kRule = "text, a list of token ids, or a list with one of them";
  const Json* prompt = draft->prompt;
  if (prompt == nullptr) return WrongValue("prompt", kRule, Json());
  const bool is_list = prompt->IsArray() && prompt->items().size() == 1 && !prompt->items()[0].IsNumber();
  if (is_list) prompt = &prompt->items()[0];
  if (prompt->IsString()) {
    // A gap may be at the beginning of a text.
    if (prompt->text().empty() && !draft->ask.suffix.has_value())
      return WrongValue("prompt", "text that says something", *prompt);
    draft->ask.is_raw = true;
    draft->ask.raw_prompt = prompt->text();
    draft->ask.generate.prompt = PromptIds{};
    return Done{};
  }
  if (!prompt->IsArray() || prompt->items().empty() || !prompt->items()[0].IsNumber())
    return WrongValue("prompt", kRule, *prompt);
  if (draft->ask.suffix.has_value()) return NotSupported("suffix", "needs a prompt of text, not of token ids");
  return ReadIds(*prompt, &draft->ask.generate);
}

OrFault<Ask> ParseChat(const Json& body, bool is_for_count) {
  RequestDraft draft;
  draft.is_for_count = is_for_count;
  THIMBLE_RETURN_IF_ERROR(ReadKeys(body, kChatRules, &draft));
  THIMBLE_RETURN_IF_ERROR(FinishLogprobs(&draft));
  THIMBLE_RETURN_IF_ERROR(ReadFormat(&draft));
  THIMBLE_ASSIGN_OR_RETURN(const ToolChoice choice, ReadToolChoice(draft.tool_choice, &draft));
  THIMBLE_RETURN_IF_ERROR(FinishChat(choice, &draft));
  return std::move(draft.ask);
}

}  // namespace

OrFault<Ask> ParseOpenAiChat(const Json& body) { return ParseChat(body, false); }
OrFault<Ask> ParseOpenAiCount(const Json& body) { return ParseChat(body, true); }

OrFault<Ask> ParseCompletion(const Json& body) {
  RequestDraft draft;
  THIMBLE_RETURN_IF_ERROR(ReadKeys(body, kCompletionRules, &draft));
  THIMBLE_RETURN_IF_ERROR(ReadFormat(&draft));
  THIMBLE_RETURN_IF_ERROR(ReadPrompt(&draft));
  if (draft.ask.echoes && draft.ask.top_logprobs.has_value())
    return NotSupported("logprobs", "cannot be given of an echoed prompt: leave out one of both");
  if (!draft.client.settings.max_tokens) draft.client.settings.max_tokens = kCompletionTokens;
  FinishSettings(&draft);
  draft.ask.generate.is_plain = true;
  return std::move(draft.ask);
}

}  // namespace thimble::service
