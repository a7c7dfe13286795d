// SPDX-License-Identifier: Apache-2.0
// Messages in the forms of OpenAI's chat and Responses interfaces, Anthropic's, Ollama's, OpenRouter's and MCP's.
#include "base/outside_text.h"
#include "base/text.h"
#include "text/client_request.h"

#include <algorithm>
#include <span>
#include <unordered_map>

namespace thimble {

using client_internal::FindValue;
using client_internal::Found;
using client_internal::SaysNothing;

namespace {

using Names = std::span<const std::string_view>;

bool Has(Names names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool", "function"};

// What clients keep reasoning under, the plain form first.
constexpr std::string_view kReasoningKeys[] = {"reasoning_content", "reasoning", "thinking", "reasoning_details",
                                               "thinking_blocks"};

constexpr std::string_view kMessageKeys[] = {
    // read
    "role", "content", "reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks",
    "tool_calls", "function_call", "images", "refusal", "tool_call_id", "tool_name", "prefix", "partial",
    // without meaning for the answer: where a message came from, when, at what price
    "id", "type", "annotations", "cache_control", "created_at", "created", "timestamp", "object", "status", "model",
    "provider", "usage", "index", "logprobs", "finish_reason", "stop_reason", "stop_sequence", "metadata",
    "response_metadata"};

constexpr std::string_view kPictureKeys[] = {"image", "path",   "url",         "image_url",  "base64",  "data",
                                             "bytes", "source", "inline_data", "inlineData", "b64_json"};

// Besides those.
constexpr std::string_view kItemKeys[] = {
    // read
    "type", "text", "refusal", "detail", "video", "video_url", "thinking", "reasoning", "summary", "name", "input",
    "tool_use_id", "content",
    // without meaning for the answer, or told by the data themselves
    "id", "index", "status", "signature", "redacted", "cache_control", "annotations", "citations", "logprobs", "caller",
    "media_type", "mime_type", "mimeType", "format", "title"};

std::string TextAt(const Json& json, std::string_view key) {
  const Json* value = FindValue(json, key);
  return value != nullptr && value->IsString() ? value->text() : "";
}

// The strings of a reasoning value, in order; true where some of it is encrypted and cannot be read.
bool AppendReasoning(const Json& json, std::string* out) {
  if (json.IsString()) {
    if (json.text().empty()) return false;
    if (!out->empty()) *out += "\n\n";
    *out += json.text();
    return false;
  }
  bool is_encrypted = false;
  if (json.IsArray()) {
    for (const Json& item : json.items()) is_encrypted |= AppendReasoning(item, out);
    return is_encrypted;
  }
  for (const char* key : {"text", "thinking", "reasoning", "reasoning_content", "content", "summary"}) {
    const Json* value = FindValue(json, key);
    if (value == nullptr || SaysNothing(*value)) continue;
    return AppendReasoning(*value, out);
  }
  return !TextAt(json, "data").empty() || !TextAt(json, "encrypted_content").empty();
}

// Where a picture is: a path, a URL, or its bytes as a data URL.
std::string PictureSource(const Json& item) {
  for (const std::string_view key : kPictureKeys) {
    const Json* value = FindValue(item, key);
    if (value == nullptr) continue;
    if (value->IsObject()) {
      if (std::string inner = PictureSource(*value); !inner.empty()) return inner;
      continue;
    }
    if (!value->IsString() || value->text().empty()) continue;
    const bool is_bytes = key == "base64" || key == "data" || key == "bytes" || key == "b64_json";
    const bool is_url = value->text().starts_with("data:");
    return is_bytes && !is_url ? Cat("data:image;base64,", value->text()) : value->text();
  }
  return "";
}

std::string PictureDetail(const Json& item) {
  if (std::string detail = TextAt(item, "detail"); !detail.empty()) return detail;
  for (const char* key : {"image_url", "image"}) {
    if (const Json* inner = FindValue(item, key); inner != nullptr) {
      if (std::string detail = TextAt(*inner, "detail"); !detail.empty()) return detail;
    }
  }
  return "";
}

// The place of a picture that lies on somebody's server, if that is all that the item says.
bool IsByFileId(const Json& item) {
  if (FindValue(item, "file_id") != nullptr) return true;
  return std::any_of(std::begin(kPictureKeys), std::end(kPictureKeys), [&](std::string_view key) {
    const Json* inner = FindValue(item, key);
    return inner != nullptr && FindValue(*inner, "file_id") != nullptr;
  });
}

// A plain text file that came as Anthropic's document block.
const Json* DocumentText(const Json& item) {
  const Json* source = TextAt(item, "type") == "document" ? FindValue(item, "source") : nullptr;
  return source != nullptr && TextAt(*source, "type") == "text" ? FindValue(*source, "data") : nullptr;
}

class Reader {
 public:
  explicit Reader(UnusedKeys* unused) : unused_(unused) {}

  Status Read(const Json& json, std::size_t index);
  // Puts the results of a message's calls in the calls' order, as their ids say: the template tells them by place only.
  void OrderResults();
  std::vector<Message> Take() { return std::move(messages_); }

 private:
  struct Ids {
    std::vector<std::string> calls;
    std::string answered;  // of the call that a tool message answers
  };

  [[nodiscard]] Error Wrong(std::string_view what) const { return Error{Code::kInvalid, Cat("[chat] ", place_, what)}; }
  void Push(Message message, Ids ids) {
    messages_.push_back(std::move(message));
    ids_.push_back(std::move(ids));
  }
  void NameUnused(const Json& json, const std::string& role);
  Status ReadContent(const Json& json);
  Status ReadItem(const Json& item);
  Status ReadPicture(const Json& item);
  Status ReadResult(const Json& item);
  Status ReadCalls(const Json& json);
  Status ReadCall(const Json& json);
  void ReadReasoning(const Json& json);
  void AddText(std::string text) { message_.content.push_back({Part::Kind::kText, std::move(text), ""}); }

  UnusedKeys* unused_;
  std::vector<Message> messages_;
  std::vector<Ids> ids_;  // of messages_
  std::string place_;     // "message 3"
  Message message_;       // being read
  Ids message_ids_;
  std::string reasoning_;   // of content items
  bool has_split_ = false;  // results were cut out of the message being read
};

void Reader::NameUnused(const Json& json, const std::string& role) {
  for (const auto& [key, value] : json.members()) {
    if (SaysNothing(value) || Has(kMessageKeys, key)) continue;
    if (key == "name" && (role == "tool" || role == "function")) continue;
    unused_->Add(key, "messages");
  }
}

Status Reader::Read(const Json& json, std::size_t index) {
  place_ = Cat("message ", index + 1);
  if (!json.IsObject()) return Wrong(" must be an object with \"role\" and \"content\"");
  const Json* role = json.Find("role");
  if (role == nullptr || !role->IsString()) return Wrong(" needs a \"role\": system, user, assistant or tool");
  if (!Has(kRoles, role->text()))
    return Wrong(Cat(" must have the role system, developer, user, assistant or tool, found ", Found(*role)));
  NameUnused(json, role->text());
  message_ = Message{};
  message_ids_ = Ids{};
  reasoning_.clear();
  has_split_ = false;
  message_.role = role->text() == "function" ? "tool" : role->text();
  message_ids_.answered = TextAt(json, "tool_call_id");
  if (const Json* images = FindValue(json, "images"); images != nullptr) {
    if (!images->IsArray()) return Wrong(Cat(": \"images\" must be a list, found ", Found(*images)));
    for (const Json& image : images->items()) {
      THIMBLE_RETURN_IF_ERROR(ReadPicture(Json::Object({{"type", Json::String("image")}, {"image", image}})));
    }
  }
  THIMBLE_RETURN_IF_ERROR(ReadContent(json));
  THIMBLE_RETURN_IF_ERROR(ReadCalls(json));
  ReadReasoning(json);
  if (!has_split_ || !message_.content.empty()) Push(std::move(message_), std::move(message_ids_));
  return Done{};
}

Status Reader::ReadContent(const Json& json) {
  const Json* content = FindValue(json, "content");
  if (json.Find("content") == nullptr && message_.content.empty() && message_.role == "user")
    return Wrong(" needs \"content\": text, or a list of items");
  const std::string refusal = TextAt(json, "refusal");
  if (content == nullptr || (SaysNothing(*content) && !refusal.empty())) {
    if (!refusal.empty()) AddText(refusal);
    return Done{};
  }
  if (content->IsString()) {
    AddText(content->text());
    return Done{};
  }
  if (content->IsObject()) return ReadItem(*content);
  if (!content->IsArray()) return Wrong(Cat(": \"content\" must be text or a list of items, found ", Found(*content)));
  for (const Json& item : content->items()) THIMBLE_RETURN_IF_ERROR(ReadItem(item));
  return Done{};
}

// Where an item is several things, the template's order: picture, video, text.
Status Reader::ReadItem(const Json& item) {
  if (item.IsString()) {
    AddText(item.text());
    return Done{};
  }
  if (!item.IsObject()) return Wrong(Cat(": a content item must be an object or text, found ", Found(item)));
  const std::string type = TextAt(item, "type");
  if (type == "tool_use") return ReadCall(item);
  if (type == "tool_result") return ReadResult(item);
  const auto has = [&](const char* key) { return FindValue(item, key) != nullptr; };
  if (type == "thinking" || type == "redacted_thinking" || type == "reasoning") {
    if (AppendReasoning(item, &reasoning_)) unused_->Add("encrypted reasoning", "messages");
    return Done{};
  }
  for (const auto& [key, value] : item.members()) {
    if (!SaysNothing(value) && !Has(kItemKeys, key) && !Has(kPictureKeys, key)) unused_->Add(key, "content items");
  }
  if (has("image") || has("image_url") || has("inline_data") || has("inlineData") || type == "image" ||
      type == "image_url" || type == "input_image")
    return ReadPicture(item);
  if (has("video") || has("video_url") || type == "video" || type == "video_url") {
    std::string source = TextAt(item, "video");
    for (const char* key : {"url", "path", "video_url"}) source = source.empty() ? TextAt(item, key) : source;
    if (const Json* inner = FindValue(item, "video_url"); source.empty() && inner != nullptr)
      source = TextAt(*inner, "url");
    message_.content.push_back({Part::Kind::kVideo, "", std::move(source)});
    return Done{};
  }
  const Json* text = FindValue(item, "text");
  if (text == nullptr) text = type == "refusal" ? FindValue(item, "refusal") : DocumentText(item);
  if (text == nullptr && type != "text")
    return Wrong(Cat(": a content item of type ", type.empty() ? "unknown" : JsonQuote(Excerpt(type)),
                     " is not read: text, pictures, videos, reasoning, tool calls and their results are"));
  if (!message_.tool_calls.empty() && message_.role == "assistant" && text != nullptr && !SaysNothing(*text))
    return Wrong(
        ": text behind a tool call has no place in this model's form; put it before the call, or into a "
        "message of its own behind the result");
  if (text == nullptr) return Done{};
  const Json* value = text->IsObject() ? FindValue(*text, "value") : nullptr;
  if (value != nullptr && value->IsString()) text = value;
  AddText(text->IsString() ? text->text() : text->Dump(Json::Style::kPython));
  return Done{};
}

Status Reader::ReadPicture(const Json& item) {
  Part part;
  part.kind = Part::Kind::kImage;
  for (const std::string_view key : kPictureKeys) {
    const Json* value = FindValue(item, key);
    if (value != nullptr && !value->IsString() && !value->IsObject())
      return Wrong(Cat(": \"", key, "\" of a picture must be text or an object, found ", Found(*value)));
  }
  part.source = PictureSource(item);
  part.detail = PictureDetail(item);
  if (!TextAt(item, "text").empty()) unused_->Add("text", "picture items");
  if (part.source.empty() && IsByFileId(item))
    return Wrong(": a picture given by a \"file_id\" lies on somebody's server; give its data or a path");
  message_.content.push_back(std::move(part));
  return Done{};
}

// A result among a user's content items is a message of its own in the template's form.
Status Reader::ReadResult(const Json& item) {
  if (message_.role != "user") return Wrong(Cat(": a tool_result belongs to a user's message, not to ", message_.role));
  if (const Json* failed = item.Find("is_error"); failed != nullptr && !SaysNothing(*failed))
    unused_->Add("is_error", "tool results");
  Message before = std::move(message_);
  message_ = Message{};
  message_.role = "tool";  // what a result may hold is read as content of the same kind
  THIMBLE_RETURN_IF_ERROR(ReadContent(item));
  if (!message_.tool_calls.empty()) return Wrong(": a tool call cannot stand in a tool_result");
  Message result = std::move(message_);
  message_ = Message{};
  message_.role = "user";
  if (!before.content.empty()) Push(std::move(before), Ids{});
  Push(std::move(result), Ids{{}, TextAt(item, "tool_use_id")});
  has_split_ = true;
  return Done{};
}

Status Reader::ReadCalls(const Json& json) {
  if (const Json* calls = FindValue(json, "tool_calls"); calls != nullptr) {
    if (!calls->IsArray()) return Wrong(Cat(": \"tool_calls\" must be a list, found ", Found(*calls)));
    for (const Json& call : calls->items()) THIMBLE_RETURN_IF_ERROR(ReadCall(call));
  }
  const Json* call = FindValue(json, "function_call");  // OpenAI's form of 2023
  if (call != nullptr && message_.tool_calls.empty()) THIMBLE_RETURN_IF_ERROR(ReadCall(*call));
  if (!message_.tool_calls.empty() && message_.role != "assistant")
    return Wrong(Cat(": tool calls belong to an assistant's message, not to ", message_.role));
  return Done{};
}

Status Reader::ReadCall(const Json& json) {
  const Json* function = FindValue(json, "function");
  const Json& from = function != nullptr && function->IsObject() ? *function : json;
  const Json* name = FindValue(from, "name");
  if (name == nullptr || !name->IsString()) return Wrong(": a tool call needs a \"name\"");
  ToolCall call;
  call.name = name->text();
  const Json* arguments = FindValue(from, "arguments");
  if (arguments == nullptr) arguments = FindValue(from, "input");
  if (arguments != nullptr && arguments->IsString()) {
    // A wrong request, no broken file.
    auto parsed = Json::Parse(arguments->text().empty() ? "{}" : arguments->text(),
                              Cat(place_, ", arguments of ", EscapeControls(Excerpt(call.name))));
    if (!parsed.ok()) return Error{Code::kInvalid, parsed.error().message};
    call.arguments = std::move(parsed).value();
  } else if (arguments != nullptr) {
    call.arguments = *arguments;
  }
  if (call.arguments.IsNull()) call.arguments = Json::Object();
  if (!call.arguments.IsObject())
    return Wrong(Cat(": arguments of a tool call must be a JSON object, found ", Found(call.arguments)));
  message_.tool_calls.push_back(std::move(call));
  message_ids_.calls.push_back(TextAt(json, "id"));
  return Done{};
}

void Reader::ReadReasoning(const Json& json) {
  std::string reasoning;
  bool is_said = false;  // an empty one is one too
  bool is_encrypted = false;
  for (const std::string_view key : kReasoningKeys) {
    const Json* value = FindValue(json, key);
    if (value == nullptr) continue;
    is_said |= key == "reasoning_content" && value->IsString();
    if (!reasoning.empty()) continue;
    is_encrypted |= AppendReasoning(*value, &reasoning);
    const bool is_text = value->IsString() || value->IsArray() || value->IsObject();
    if (!is_text && !SaysNothing(*value)) unused_->Add(key, "messages");
  }
  if (reasoning.empty()) reasoning = std::move(reasoning_);
  if (is_encrypted && reasoning.empty()) unused_->Add("encrypted reasoning", "messages");
  if (message_.role != "assistant") {
    if (!reasoning.empty()) unused_->Add("reasoning", Cat("messages of the role ", message_.role));
  } else if (!reasoning.empty() || is_said) {
    message_.reasoning_content = std::move(reasoning);
  }
}

void Reader::OrderResults() {
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (ids_[i].calls.size() < 2) continue;
    std::unordered_map<std::string_view, std::size_t> place_of;
    for (std::size_t place = 0; place < ids_[i].calls.size(); ++place) place_of.emplace(ids_[i].calls[place], place);
    // Only where every result says which call it answers, and each another one.
    std::vector<std::size_t> result_at(ids_[i].calls.size(), 0);
    bool is_certain = true;
    for (std::size_t at = i + 1; at < messages_.size() && messages_[at].role == "tool" && is_certain; ++at) {
      const auto place = place_of.find(ids_[at].answered);
      is_certain = !ids_[at].answered.empty() && place != place_of.end() && result_at[place->second] == 0;
      if (is_certain) result_at[place->second] = at;
    }
    if (!is_certain) continue;
    std::vector<Message> ordered;
    for (const std::size_t at : result_at) {
      if (at > 0) ordered.push_back(std::move(messages_[at]));
    }
    std::move(ordered.begin(), ordered.end(), messages_.begin() + static_cast<std::ptrdiff_t>(i + 1));
  }
}

}  // namespace

Result<ClientMessages> ParseClientMessages(const Json& list, UnusedKeys* unused) {
  Reader reader(unused);
  for (std::size_t i = 0; i < list.items().size(); ++i) THIMBLE_RETURN_IF_ERROR(reader.Read(list.items()[i], i));
  reader.OrderResults();
  ClientMessages out;
  out.messages = reader.Take();
  if (!list.items().empty() && !out.messages.empty() && out.messages.back().role == "assistant") {
    for (const char* key : {"prefix", "partial"}) {
      const Json* value = list.items().back().Find(key);
      out.continues_last |= value != nullptr && value->AsBool().value_or(false);
    }
  }
  return out;
}

}  // namespace thimble
