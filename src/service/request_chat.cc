// SPDX-License-Identifier: Apache-2.0
// What a conversation's request asks of pictures, tools and the answer's form.
#include "base/text.h"
#include "service/request_draft.h"
#include "text/chat.h"
#include "text/tool_schema.h"

#include <algorithm>
#include <array>
#include <utility>

namespace thimble::service {

namespace {

Fault WrongMessages(std::string message) {
  Fault fault;
  fault.param = "messages";
  fault.message = std::move(message);
  return fault;
}

// The characters of base64 in both spellings, and line ends.
constexpr std::array<bool, 256> MakeBase64() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\r\n"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kBase64 = MakeBase64();

// Of "data:image/png;base64,..." only the bytes are looked at, by whoever decodes them.
bool IsPictureSource(std::string_view source) {
  if (source.starts_with("data:")) return true;
  if (source.starts_with("thimble:")) {
    const std::string_view id = source.substr(source.find(':') + 1);
    constexpr std::size_t kMostIdBytes = 128;
    return !id.empty() && id.size() <= kMostIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    });
  }
  return std::all_of(source.begin(), source.end(), [](char c) { return kBase64[static_cast<unsigned char>(c)]; });
}

OrFault<Done> CheckPicture(Part* part) {
  if (part->source.empty()) return WrongMessages("[chat] a picture without data: give \"image_url\" with a data URL");
  if (!IsPictureSource(part->source)) {
    return WrongMessages(
        "[chat] pictures are taken as data URLs, as base64 or as \"thimble:ID\" of one that was sent before: addresses "
        "and files are never opened");
  }
  if (part->detail == "original") part->detail = "high";
  const bool is_known =
      part->detail.empty() || part->detail == "auto" || part->detail == "low" || part->detail == "high";
  if (!is_known) return WrongMessages("[chat] \"detail\" of a picture must be low, auto or high");
  return Done{};
}

OrFault<Done> CheckPictures(std::vector<Message>* messages) {
  std::size_t num_pictures = 0;
  for (Message& message : *messages) {
    for (Part& part : message.content) {
      if (part.kind == Part::Kind::kVideo) return WrongMessages("[chat] videos are not read: send pictures of them");
      if (part.kind != Part::Kind::kImage) continue;
      if (++num_pictures > kMostPictures)
        return WrongMessages(Cat("[chat] a request may have ", kMostPictures, " pictures, found more"));
      THIMBLE_RETURN_IF_ERROR(CheckPicture(&part));
    }
  }
  return Done{};
}

OrFault<Done> ReadMessages(RequestDraft* draft) {
  const Json* list = draft->messages;
  if (list == nullptr || !list->IsArray() || list->items().empty())
    return WrongMessages("[request] \"messages\" must be a list with at least one message");
  auto read = ParseClientMessages(*list, &draft->client.unused);
  if (!read.ok()) return WrongMessages(read.error().message);
  std::vector<Message>& messages = draft->client.chat.messages;  // what stands there already is the system's
  for (Message& message : read.value().messages) messages.push_back(std::move(message));
  ChatOptions& options = draft->client.chat.options;
  options.continue_final_message = options.continue_final_message || read.value().continues_last;
  options.add_generation_prompt = draft->client.add_generation_prompt.value_or(!options.continue_final_message);
  return CheckPictures(&messages);
}

// What may be called, and whether something must be.
OrFault<Done> AskForCalls(const ToolChoice& choice, std::vector<Json> tools, RequestDraft* draft) {
  GrammarRequest grammar;
  grammar.kind = GrammarRequest::Kind::kToolCalls;
  grammar.must_call = choice.must_call;
  grammar.one_call = draft->one_call;
  grammar.is_strict = draft->has_strict_tool;
  for (const std::string& name : choice.names) {
    const Json* tool = FindTool(tools, name);
    if (tool == nullptr) return WrongValue("tool_choice", "one of the tools", Json::String(name));
    grammar.tools.push_back(*tool);
  }
  if (choice.names.empty()) grammar.tools = std::move(tools);
  // Where a call must come there is no answer whose form could matter.
  if (const auto& answer = draft->ask.grammar; answer.has_value() && !choice.must_call) {
    const bool is_any = answer->kind == GrammarRequest::Kind::kJsonObject;
    grammar.schema = is_any ? Json::Object({{"type", Json::String("object")}}) : answer->schema;
    grammar.is_answer_strict = answer->is_strict;
  }
  draft->ask.grammar = std::move(grammar);
  return Done{};
}

OrFault<Done> FinishTools(const ToolChoice& choice, RequestDraft* draft) {
  Chat& chat = draft->client.chat;
  if (!choice.drops_tools) chat.tools = NormaliseTools(std::move(draft->tools));
  if (draft->is_for_count) return Done{};
  if (chat.tools.empty()) {
    if (!choice.must_call && choice.names.empty()) return Done{};
    Fault fault;
    fault.param = "tool_choice";
    fault.message = "[request] \"tool_choice\" asks for a call, and there are no tools that could be called";
    return fault;
  }
  return AskForCalls(choice, chat.tools, draft);
}

}  // namespace

OrFault<Done> AskForJson(std::string_view key, const Json* schema, bool is_strict, RequestDraft* draft) {
  if (draft->is_for_count) return Done{};
  GrammarRequest grammar;
  grammar.is_strict = is_strict;
  if (schema != nullptr && !schema->IsNull()) {
    if (!schema->IsObject()) return WrongValue(key, "an object with a JSON schema, an object too", *schema);
    grammar.kind = GrammarRequest::Kind::kJsonSchema;
    grammar.schema = *schema;
  }
  draft->ask.grammar = std::move(grammar);
  return Done{};
}

OrFault<Done> FinishChat(const ToolChoice& choice, RequestDraft* draft) {
  THIMBLE_RETURN_IF_ERROR(ReadMessages(draft));
  THIMBLE_RETURN_IF_ERROR(FinishTools(choice, draft));
  FinishSettings(draft);
  MergeSystemMessages(&draft->client.chat);
  draft->ask.generate.prompt = std::move(draft->client.chat);
  return Done{};
}

}  // namespace thimble::service
