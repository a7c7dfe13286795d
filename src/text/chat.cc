// SPDX-License-Identifier: Apache-2.0
#include "text/chat.h"

#include "base/text.h"
#include "text/client_request.h"

#include <algorithm>

namespace thimble {

namespace {

// The picture's place: a string, or an object with "url" or "path".
std::string SourceOf(const Json& value) {
  if (value.IsString()) return value.text();
  for (const char* key : {"url", "path"}) {
    if (const Json* inner = value.Find(key); inner != nullptr && inner->IsString()) return inner->text();
  }
  return "";
}

// In the order in which the template looks at an item: picture, video, text.
Part ParseItem(const Json& item) {
  Part part;
  if (item.IsString()) {
    part.kind = Part::Kind::kUnknown;
    return part;
  }
  const Json* type = item.Find("type");
  const std::string kind = type != nullptr && type->IsString() ? type->text() : "";
  const auto take = [&](std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      if (const Json* value = item.Find(key); value != nullptr) part.source = SourceOf(*value);
    }
  };
  if (item.Find("image") != nullptr || item.Find("image_url") != nullptr || kind == "image") {
    part.kind = Part::Kind::kImage;
    take({"image_url", "url", "path", "image"});
  } else if (item.Find("video") != nullptr || kind == "video") {
    part.kind = Part::Kind::kVideo;
    take({"video", "url", "path"});
  } else if (const Json* text = item.Find("text"); text != nullptr) {
    part.kind = Part::Kind::kText;
    part.text = text->IsString() ? text->text() : text->Dump(Json::Style::kPython);
  } else {
    part.kind = Part::Kind::kUnknown;
  }
  return part;
}

Result<ToolCall> ParseCall(const Json& json, const std::string& place) {
  const Json* function = json.Find("function");
  const Json& from = function != nullptr && function->IsObject() ? *function : json;
  const Json* name = from.Find("name");
  if (name == nullptr || !name->IsString())
    return Error{Code::kInvalid, Cat("[chat] ", place, ": a tool call needs a \"name\"")};
  ToolCall call;
  call.name = name->text();
  const Json* arguments = from.Find("arguments");
  if (arguments == nullptr || arguments->IsNull()) return call;
  call.arguments = *arguments;
  return call;
}

Result<Message> ParseMessage(const Json& json, std::size_t index) {
  const std::string place = Cat("message ", index + 1);
  if (!json.IsObject())
    return Error{Code::kInvalid, Cat("[chat] ", place, " must be an object with \"role\" and \"content\"")};
  const Json* role = json.Find("role");
  if (role == nullptr || !role->IsString())
    return Error{Code::kInvalid, Cat("[chat] ", place, " needs a \"role\": system, user, assistant or tool")};
  Message message;
  message.role = role->text();
  const Json* content = json.Find("content");
  if (content != nullptr && content->IsString()) {
    message.content.push_back({Part::Kind::kText, content->text(), ""});
  } else if (content != nullptr && content->IsArray()) {
    for (const Json& item : content->items()) message.content.push_back(ParseItem(item));
  } else if (content != nullptr && !content->IsNull()) {
    message.has_unknown_content = true;
  }
  if (const Json* reasoning = json.Find("reasoning_content"); reasoning != nullptr && reasoning->IsString())
    message.reasoning_content = reasoning->text();
  if (const Json* calls = json.Find("tool_calls"); calls != nullptr && calls->IsArray()) {
    for (const Json& call : calls->items()) {
      THIMBLE_ASSIGN_OR_RETURN(ToolCall parsed, ParseCall(call, place));
      message.tool_calls.push_back(std::move(parsed));
    }
  }
  return message;
}

}  // namespace

Result<Chat> ParseChat(const Json& json, ArgumentStrings strings) {
  if (strings == ArgumentStrings::kParse) {
    auto request = ParseClientRequest(json);
    if (!request.ok()) return request.error();
    Chat chat = std::move(request.value().chat);
    chat.options.add_generation_prompt = request.value().add_generation_prompt.value_or(json.IsArray());
    return chat;
  }
  const Json* messages = json.IsArray() ? &json : json.Find("messages");
  if (messages == nullptr || !messages->IsArray())
    return Error{Code::kInvalid, "[chat] a list of messages, or an object with \"messages\", is needed"};
  Chat chat;
  for (std::size_t i = 0; i < messages->items().size(); ++i) {
    THIMBLE_ASSIGN_OR_RETURN(Message message, ParseMessage(messages->items()[i], i));
    chat.messages.push_back(std::move(message));
  }
  if (const Json* tools = json.Find("tools"); tools != nullptr && !tools->IsNull()) {
    if (!tools->IsArray()) return Error{Code::kInvalid, "[chat] \"tools\" must be a list"};
    chat.tools = tools->items();
  }
  // As in the reference, where the caller has to ask for one; a bare list is a conversation to be answered.
  chat.options.add_generation_prompt = json.IsArray();
  if (const Json* options = json.Find("options"); options != nullptr && options->IsObject()) {
    const auto flag = [&](const char* key, bool fallback) {
      const Json* value = options->Find(key);
      return value == nullptr ? fallback : value->AsBool().value_or(fallback);
    };
    if (const Json* thinking = options->Find("enable_thinking"); thinking != nullptr)
      chat.options.enable_thinking = thinking->AsBool();
    chat.options.continue_final_message = flag("continue_final_message", false);
    // Continuing the last message and beginning a new one exclude each other.
    chat.options.add_generation_prompt = flag("add_generation_prompt", false);
    chat.options.add_vision_id = flag("add_vision_id", false);
  }
  return chat;
}

namespace {

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

bool IsBlank(const Message& message) {
  return !message.has_unknown_content && std::all_of(message.content.begin(), message.content.end(), [](const Part& p) {
    return p.kind == Part::Kind::kText && Trimmed(p.text).empty();
  });
}

// Adds `from` to the one system message. What is no text stays, for the template to refuse.
void AppendSystem(const Message& from, Message* to) {
  to->has_unknown_content |= from.has_unknown_content;
  std::string text;
  bool is_first = true;
  for (const Part& part : from.content) {
    if (part.kind == Part::Kind::kText) {
      text += part.text;
      continue;
    }
    if (!text.empty()) to->content.push_back({Part::Kind::kText, text, ""});
    text.clear();
    is_first = false;
    to->content.push_back(part);
  }
  const std::string_view trimmed = Trimmed(text);
  if (trimmed.empty()) return;
  const bool joins = is_first && !to->content.empty() && to->content.back().kind == Part::Kind::kText;
  if (joins)
    to->content.back().text += Cat("\n\n", trimmed);
  else
    to->content.push_back({Part::Kind::kText, std::string(trimmed), ""});
}

}  // namespace

void MergeSystemMessages(Chat* chat) {
  const auto is_system = [](const Message& m) { return m.role == "system" || m.role == "developer"; };
  auto& messages = chat->messages;
  const auto count = std::count_if(messages.begin(), messages.end(), is_system);
  if (count == 0 || (count == 1 && messages.front().role == "system")) return;
  Message merged;
  merged.role = "system";
  for (const Message& message : messages) {
    if (is_system(message) && !IsBlank(message)) AppendSystem(message, &merged);
  }
  std::erase_if(messages, is_system);
  messages.insert(messages.begin(), std::move(merged));
}

Json MessagesToJson(const std::vector<Message>& messages) {
  std::vector<Json> list;
  for (const Message& message : messages) {
    Json out = Json::Object();
    out.Set("role", Json::String(message.role));
    const bool is_plain = message.content.size() == 1 && message.content[0].kind == Part::Kind::kText;
    if (is_plain || message.content.empty()) {
      out.Set("content", Json::String(is_plain ? message.content[0].text : ""));
    } else {
      std::vector<Json> items;
      for (const Part& part : message.content) {
        Json item = Json::Object();
        const char* kind = part.kind == Part::Kind::kImage   ? "image"
                           : part.kind == Part::Kind::kVideo ? "video"
                                                             : "text";
        item.Set("type", Json::String(kind));
        item.Set(kind, Json::String(part.kind == Part::Kind::kText ? part.text : part.source));
        if (!part.detail.empty()) item.Set("detail", Json::String(part.detail));
        items.push_back(std::move(item));
      }
      out.Set("content", Json::Array(std::move(items)));
    }
    if (message.reasoning_content.has_value()) out.Set("reasoning_content", Json::String(*message.reasoning_content));
    if (!message.tool_calls.empty()) {
      std::vector<Json> calls;
      calls.reserve(message.tool_calls.size());
      for (const ToolCall& call : message.tool_calls) {
        calls.push_back(Json::Object({{"name", Json::String(call.name)}, {"arguments", call.arguments}}));
      }
      out.Set("tool_calls", Json::Array(std::move(calls)));
    }
    list.push_back(std::move(out));
  }
  return Json::Array(std::move(list));
}

}  // namespace thimble
