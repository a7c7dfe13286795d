// SPDX-License-Identifier: Apache-2.0
#include "service/chat_form.h"

#include "base/text.h"
#include "service/request_body.h"
#include "service/request_draft.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace thimble::service {

namespace {

constexpr std::int64_t kLatestTime = std::int64_t{1} << 53;
constexpr std::int64_t kMostPixels = 1'000'000;  // of a side
constexpr std::int64_t kMostTokens = std::int64_t{1} << 31;
constexpr std::size_t kMostNameChars = 1'000;  // of a model, of a picture's file
constexpr std::size_t kMostDetailBytes = 16;
constexpr std::int64_t kVersion = 1;

constexpr MessageState kStates[] = {MessageState::kDone, MessageState::kRunning, MessageState::kStopped,
                                    MessageState::kFailed};

Fault Refuse(int status, std::string_view key, std::string_view rule) {
  Fault fault;
  fault.status = status;
  fault.param = key;
  fault.message = Cat("[chats] \"", key, "\" must be ", rule);
  return fault;
}

// Counts characters without looking at more than what may be there.
bool HasAtMostChars(std::string_view text, std::size_t most) {
  if (text.size() <= most) return true;
  const auto is_first = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_first)) <= most;
}

OrFault<Done> CheckName(std::string_view key, const std::string& text, std::size_t most = kMostTitleChars) {
  if (!HasAtMostChars(text, most)) return Refuse(400, key, Cat("text of at most ", most, " characters"));
  if (!IsValidUtf8(text)) return Refuse(400, key, "UTF-8");
  return Done{};
}

OrFault<Done> CheckText(std::string_view key, const std::string& text, std::size_t most) {
  if (text.size() > most) return Refuse(413, key, Cat("text of at most ", most, " bytes, found ", text.size()));
  if (!IsValidUtf8(text)) return Refuse(400, key, "UTF-8");
  return Done{};
}

OrFault<Done> CheckId(std::string_view key, const std::string& text, bool may_be_empty) {
  if (IsChatId(text) || (text.empty() && may_be_empty)) return Done{};
  return Refuse(400, key, Cat("an id of ", kChatIdChars, " letters and digits"));
}

OrFault<Done> CheckTime(std::string_view key, std::int64_t time) {
  if (time < 0 || time > kLatestTime) return Refuse(400, key, "a time in milliseconds since 1970");
  return Done{};
}

bool HasWhole(const Json& json, std::string_view key, std::int64_t most) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->IsNull()) return true;
  const auto whole = value->AsInt();
  return whole && *whole >= 0 && *whole <= most;
}

bool HasWord(const Json& json, std::string_view key, std::size_t most_chars) {
  const Json* value = json.Find(key);
  if (value == nullptr || value->IsNull()) return true;
  return value->IsString() && HasAtMostChars(value->text(), most_chars) && IsValidUtf8(value->text());
}

bool IsPicture(const Json& picture) {
  const Json* sha256 = picture.Find("sha256");
  return sha256 != nullptr && sha256->IsString() && IsSha256(sha256->text()) &&
         HasWord(picture, "name", kMostNameChars) && HasWord(picture, "detail", kMostDetailBytes) &&
         HasWhole(picture, "width", kMostPixels) && HasWhole(picture, "height", kMostPixels) &&
         HasWhole(picture, "tokens", kMostTokens);
}

OrFault<Done> CheckPictures(const Json& pictures) {
  if (pictures.IsNull()) return Done{};
  const bool is_right = pictures.IsArray() && pictures.items().size() <= kMostMessagePictures &&
                        std::all_of(pictures.items().begin(), pictures.items().end(), IsPicture);
  if (is_right) return Done{};
  return Refuse(400, "pictures",
                Cat("a list of at most ", kMostMessagePictures,
                    " objects {\"sha256\", \"name\", \"width\", \"height\", \"detail\", \"tokens\"}"));
}

// What of a picture is kept.
Json CleanPictures(const Json& pictures) {
  std::vector<Json> clean;
  for (const Json& picture : pictures.items()) {
    Json one = Json::Object();
    for (const char* key : {"sha256", "name", "width", "height", "detail", "tokens"}) {
      const Json* value = picture.Find(key);
      if (value != nullptr && !value->IsNull()) one.Set(key, *value);
    }
    clean.push_back(std::move(one));
  }
  return Json::Array(std::move(clean));
}

OrFault<Done> NeedObject(std::string_view key, const Json& json) {
  if (json.IsObject()) return Done{};
  return Refuse(400, key, "an object");
}

// What `key` says; nullptr where it says nothing.
const Json* Said(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr || value->IsNull() ? nullptr : value;
}

OrFault<Done> ReadText(const Json& json, std::string_view key, std::optional<std::string>* text) {
  const Json* value = Said(json, key);
  if (value == nullptr) return Done{};
  if (!value->IsString()) return WrongValue(key, "text", *value);
  *text = value->text();
  return Done{};
}

OrFault<Done> ReadText(const Json& json, std::string_view key, std::string* text) {
  std::optional<std::string> said;
  THIMBLE_RETURN_IF_ERROR(ReadText(json, key, &said));
  if (said) *text = *std::move(said);
  return Done{};
}

OrFault<Done> ReadTime(const Json& json, std::string_view key, std::int64_t* time) {
  const Json* value = Said(json, key);
  if (value == nullptr) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(*time, WholeOf(key, *value, 0, kLatestTime));
  return Done{};
}

OrFault<Done> ReadPinned(const Json& json, std::optional<bool>* is_pinned) {
  const Json* value = Said(json, "pinned");
  if (value == nullptr) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(*is_pinned, FlagOf("pinned", *value));
  return Done{};
}

OrFault<Done> ReadState(const Json& json, std::optional<MessageState>* state) {
  const Json* value = Said(json, "state");
  if (value == nullptr) return Done{};
  for (const MessageState known : kStates) {
    if (value->IsString() && value->text() == StateName(known)) *state = known;
  }
  if (!state->has_value()) return WrongValue("state", R"("done", "running", "stopped" or "failed")", *value);
  return Done{};
}

OrFault<Done> ReadPictures(const Json& json, std::optional<Json>* pictures) {
  const Json* value = Said(json, "pictures");
  if (value == nullptr) return Done{};
  THIMBLE_RETURN_IF_ERROR(CheckPictures(*value));
  *pictures = CleanPictures(*value);
  return Done{};
}

OrFault<Done> ReadFacts(const Json& json, std::optional<Json>* facts) {
  const Json* value = Said(json, "facts");
  if (value == nullptr) return Done{};
  THIMBLE_RETURN_IF_ERROR(CheckFacts("facts", *value));
  *facts = *value;
  return Done{};
}

}  // namespace

bool IsChatId(std::string_view text) {
  return text.size() == kChatIdChars && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
         });
}

bool IsSha256(std::string_view text) {
  constexpr std::size_t kDigits = 64;
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

const char* StateName(MessageState state) {
  switch (state) {
    case MessageState::kDone:
      return "done";
    case MessageState::kRunning:
      return "running";
    case MessageState::kStopped:
      return "stopped";
    case MessageState::kFailed:
      break;
  }
  return "failed";
}

OrFault<Done> CheckFacts(std::string_view key, const Json& facts) {
  if (facts.IsNull()) return Done{};
  THIMBLE_RETURN_IF_ERROR(NeedObject(key, facts));
  if (facts.Dump().size() > kMostFactsBytes)
    return Refuse(413, key, Cat("an object of at most ", kMostFactsBytes, " bytes"));
  return Done{};
}

OrFault<Done> CheckChat(const ChatSummary& chat, bool may_be_new) {
  THIMBLE_RETURN_IF_ERROR(CheckId("id", chat.id, may_be_new));
  THIMBLE_RETURN_IF_ERROR(CheckId("head", chat.head, true));
  THIMBLE_RETURN_IF_ERROR(CheckName("title", chat.title));
  THIMBLE_RETURN_IF_ERROR(CheckName("folder", chat.folder));
  THIMBLE_RETURN_IF_ERROR(CheckName("model", chat.model, kMostNameChars));
  THIMBLE_RETURN_IF_ERROR(CheckText("instructions", chat.instructions, kMostInstructionBytes));
  THIMBLE_RETURN_IF_ERROR(CheckTime("created", chat.created));
  return CheckTime("updated", chat.updated);
}

OrFault<Done> CheckMessage(const ChatMessage& message) {
  THIMBLE_RETURN_IF_ERROR(CheckId("id", message.id, false));
  THIMBLE_RETURN_IF_ERROR(CheckId("parent", message.parent, true));
  if (message.parent == message.id) return Refuse(400, "parent", "another message than the message itself");
  if (message.role != "user" && message.role != "assistant") return Refuse(400, "role", R"("user" or "assistant")");
  THIMBLE_RETURN_IF_ERROR(CheckName("model", message.model, kMostNameChars));
  THIMBLE_RETURN_IF_ERROR(CheckTime("created", message.created));
  THIMBLE_RETURN_IF_ERROR(CheckText("text", message.text, kMostMessageBytes));
  THIMBLE_RETURN_IF_ERROR(CheckText("reasoning", message.reasoning, kMostMessageBytes));
  THIMBLE_RETURN_IF_ERROR(CheckPictures(message.pictures));
  return CheckFacts("facts", message.facts);
}

OrFault<Done> CheckChange(const ChatChange& change) {
  if (change.title) THIMBLE_RETURN_IF_ERROR(CheckName("title", *change.title));
  if (change.folder) THIMBLE_RETURN_IF_ERROR(CheckName("folder", *change.folder));
  if (change.head) THIMBLE_RETURN_IF_ERROR(CheckId("head", *change.head, true));
  if (change.instructions)
    THIMBLE_RETURN_IF_ERROR(CheckText("instructions", *change.instructions, kMostInstructionBytes));
  return Done{};
}

OrFault<Done> CheckChange(const MessageChange& change) {
  if (change.model) THIMBLE_RETURN_IF_ERROR(CheckName("model", *change.model, kMostNameChars));
  if (change.text) THIMBLE_RETURN_IF_ERROR(CheckText("text", *change.text, kMostMessageBytes));
  if (change.reasoning) THIMBLE_RETURN_IF_ERROR(CheckText("reasoning", *change.reasoning, kMostMessageBytes));
  if (change.pictures) THIMBLE_RETURN_IF_ERROR(CheckPictures(*change.pictures));
  if (change.facts) THIMBLE_RETURN_IF_ERROR(CheckFacts("facts", *change.facts));
  return Done{};
}

Json ChatJson(const ChatSummary& chat) {
  return Json::Object({{"id", Json::String(chat.id)},
                       {"title", Json::String(chat.title)},
                       {"model", Json::String(chat.model)},
                       {"instructions", Json::String(chat.instructions)},
                       {"folder", Json::String(chat.folder)},
                       {"head", Json::String(chat.head)},
                       {"pinned", Json::Bool(chat.is_pinned)},
                       {"created", Json::Integer(chat.created)},
                       {"updated", Json::Integer(chat.updated)},
                       {"messages", Json::Integer(chat.num_messages)},
                       {"tokens", Json::Integer(chat.num_tokens)},
                       {"pictures", Json::Integer(chat.num_pictures)}});
}

Json HitJson(const ChatHit& hit) {
  Json json = ChatJson(hit.chat);
  if (hit.excerpt.empty() && hit.message.empty()) return json;
  json.Set("hit", Json::Object({{"message", Json::String(hit.message)}, {"excerpt", Json::String(hit.excerpt)}}));
  return json;
}

Json MessageJson(const ChatMessage& message) {
  return Json::Object({{"id", Json::String(message.id)},
                       {"parent", Json::String(message.parent)},
                       {"role", Json::String(message.role)},
                       {"model", Json::String(message.model)},
                       {"state", Json::String(StateName(message.state))},
                       {"created", Json::Integer(message.created)},
                       {"text", Json::String(message.text)},
                       {"reasoning", Json::String(message.reasoning)},
                       {"pictures", message.pictures.IsArray() ? message.pictures : Json::Array()},
                       {"facts", message.facts.IsObject() ? message.facts : Json::Object()}});
}

OrFault<ChatSummary> ReadChat(const Json& json) {
  THIMBLE_RETURN_IF_ERROR(NeedObject("chat", json));
  ChatSummary chat;
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "id", &chat.id));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "title", &chat.title));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "model", &chat.model));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "instructions", &chat.instructions));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "folder", &chat.folder));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "head", &chat.head));
  std::optional<bool> is_pinned;
  THIMBLE_RETURN_IF_ERROR(ReadPinned(json, &is_pinned));
  chat.is_pinned = is_pinned.value_or(false);
  THIMBLE_RETURN_IF_ERROR(ReadTime(json, "created", &chat.created));
  THIMBLE_RETURN_IF_ERROR(ReadTime(json, "updated", &chat.updated));
  THIMBLE_RETURN_IF_ERROR(CheckChat(chat, true));
  return chat;
}

OrFault<ChatMessage> ReadMessage(const Json& json) {
  THIMBLE_RETURN_IF_ERROR(NeedObject("message", json));
  ChatMessage message;
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "id", &message.id));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "parent", &message.parent));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "role", &message.role));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "model", &message.model));
  THIMBLE_RETURN_IF_ERROR(ReadTime(json, "created", &message.created));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "text", &message.text));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "reasoning", &message.reasoning));
  std::optional<MessageState> state;
  THIMBLE_RETURN_IF_ERROR(ReadState(json, &state));
  message.state = state.value_or(MessageState::kDone);
  std::optional<Json> pictures;
  std::optional<Json> facts;
  THIMBLE_RETURN_IF_ERROR(ReadPictures(json, &pictures));
  THIMBLE_RETURN_IF_ERROR(ReadFacts(json, &facts));
  message.pictures = pictures ? *std::move(pictures) : Json::Array();
  message.facts = facts ? *std::move(facts) : Json::Object();
  THIMBLE_RETURN_IF_ERROR(CheckMessage(message));
  return message;
}

OrFault<ChatChange> ReadChatChange(const Json& json) {
  THIMBLE_RETURN_IF_ERROR(NeedObject("chat", json));
  ChatChange change;
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "title", &change.title));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "instructions", &change.instructions));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "folder", &change.folder));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "head", &change.head));
  THIMBLE_RETURN_IF_ERROR(ReadPinned(json, &change.is_pinned));
  THIMBLE_RETURN_IF_ERROR(CheckChange(change));
  return change;
}

OrFault<MessageChange> ReadMessageChange(const Json& json) {
  THIMBLE_RETURN_IF_ERROR(NeedObject("message", json));
  MessageChange change;
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "text", &change.text));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "reasoning", &change.reasoning));
  THIMBLE_RETURN_IF_ERROR(ReadText(json, "model", &change.model));
  THIMBLE_RETURN_IF_ERROR(ReadState(json, &change.state));
  THIMBLE_RETURN_IF_ERROR(ReadPictures(json, &change.pictures));
  THIMBLE_RETURN_IF_ERROR(ReadFacts(json, &change.facts));
  THIMBLE_RETURN_IF_ERROR(CheckChange(change));
  return change;
}

Json ChatDocumentJson(const ChatSummary& chat, const std::vector<ChatMessage>& messages) {
  std::vector<Json> list;
  list.reserve(messages.size());
  for (const ChatMessage& message : messages) list.push_back(MessageJson(message));
  return Json::Object(
      {{"thimble", Json::Integer(kVersion)}, {"chat", ChatJson(chat)}, {"messages", Json::Array(std::move(list))}});
}

OrFault<ChatDocument> ReadChatDocument(const Json& json) {
  THIMBLE_RETURN_IF_ERROR(NeedObject("chat", json));
  if (const Json* version = Said(json, "thimble"); version != nullptr && version->AsInt() != kVersion)
    return WrongValue("thimble", "1: another version of Thimble wrote this", *version);
  ChatDocument document;
  const Json* chat = Said(json, "chat");
  if (chat == nullptr) return Refuse(400, "chat", "an object");
  THIMBLE_ASSIGN_OR_RETURN(document.chat, ReadChat(*chat));
  const Json* messages = Said(json, "messages");
  if (messages == nullptr || !messages->IsArray()) return Refuse(400, "messages", "a list");
  if (messages->items().size() > kMostMessages)
    return Refuse(413, "messages", Cat("a list of at most ", kMostMessages, " messages"));
  std::unordered_set<std::string> ids;
  for (const Json& item : messages->items()) {
    THIMBLE_ASSIGN_OR_RETURN(ChatMessage message, ReadMessage(item));
    if (!message.parent.empty() && !ids.contains(message.parent))
      return Refuse(400, "parent", "the id of a message that stands before this one");
    if (!ids.insert(message.id).second) return Refuse(400, "id", "another one for each message");
    if (message.state == MessageState::kRunning) message.state = MessageState::kStopped;
    document.messages.push_back(std::move(message));
  }
  if (!document.chat.head.empty() && !ids.contains(document.chat.head))
    return Refuse(400, "head", "the id of one of the messages");
  return document;
}

OrFault<ChatDocument> ParseChatDocument(std::string_view text) {
  THIMBLE_ASSIGN_OR_RETURN(const Json json, ParseBody(text));
  return ReadChatDocument(json);
}

std::vector<ChatMessage> ShownBranch(const std::vector<ChatMessage>& messages, const std::string& head) {
  std::unordered_map<std::string_view, const ChatMessage*> by_id;
  for (const ChatMessage& message : messages) by_id.emplace(message.id, &message);
  std::vector<ChatMessage> branch;
  for (auto at = by_id.find(head); at != by_id.end(); at = by_id.find(at->second->parent)) {
    if (branch.size() == messages.size()) break;  // parents in a circle
    branch.push_back(*at->second);
  }
  std::reverse(branch.begin(), branch.end());
  return branch;
}

namespace {

std::string Padded(unsigned value) { return Cat(value < 10 ? "0" : "", value); }

// "2026-11-30 01:02 UTC".
std::string TimeForPeople(std::int64_t milliseconds) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(milliseconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return Cat(int{date.year()}, "-", Padded(unsigned{date.month()}), "-", Padded(unsigned{date.day()}), " ",
             Padded(static_cast<unsigned>(clock.hours().count())), ":",
             Padded(static_cast<unsigned>(clock.minutes().count())), " UTC");
}

// In one line, as headings need it.
std::string OneLine(std::string_view text) {
  std::string line(Trim(text));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return line;
}

std::string PictureLine(const Json& picture) {
  const auto word = [&](const char* key) {
    const Json* value = Said(picture, key);
    return value == nullptr ? std::string() : OneLine(value->text());
  };
  const std::string name = word("name");
  std::string line = Cat("*Picture: ", name.empty() ? word("sha256").substr(0, 12) : name);
  if (!word("width").empty() && !word("height").empty()) line += Cat(" (", word("width"), " x ", word("height"), ")");
  return line + "*\n\n";
}

}  // namespace

std::string TitleFrom(std::string_view text) {
  constexpr std::size_t kMostChars = 60;
  constexpr std::size_t kLeastChars = 30;  // a word that begins behind it may be left out
  std::string title;
  std::size_t num_chars = 0;
  std::size_t last_blank = 0;  // behind the least
  for (text = Trim(text); !text.empty() && num_chars < kMostChars; ++num_chars) {
    const DecodedChar next = DecodeUtf8(text);
    text.remove_prefix(static_cast<std::size_t>(next.num_bytes));
    const bool is_blank = next.code_point <= U' ';
    if (is_blank && title.ends_with(' ')) continue;
    if (is_blank && num_chars >= kLeastChars) last_blank = title.size();
    AppendUtf8(&title, is_blank ? U' ' : next.code_point);
  }
  if (text.empty()) return title;
  if (last_blank > 0 && text.front() > ' ') title.resize(last_blank);
  return Cat(Trim(title), "…");
}

std::string ChatMarkdown(const ChatSummary& chat, const std::vector<ChatMessage>& messages) {
  const std::string title = OneLine(chat.title);
  std::string text = Cat("# ", title.empty() ? "Untitled chat" : title, "\n\n", TimeForPeople(chat.created), "\n");
  if (!chat.instructions.empty()) text += Cat("\n## Instructions\n\n", chat.instructions, "\n");
  for (const ChatMessage& message : ShownBranch(messages, chat.head)) {
    const std::string model = OneLine(message.model);
    const bool is_user = message.role == "user";
    text += Cat("\n## ", is_user ? "You" : "Assistant", is_user || model.empty() ? "" : Cat(" (", model, ")"), ", ",
                TimeForPeople(message.created), "\n\n");
    for (const Json& picture : message.pictures.items()) text += PictureLine(picture);
    text += message.text;
    if (!text.ends_with('\n')) text.push_back('\n');
    if (message.state == MessageState::kStopped) text += "\n*(stopped)*\n";
    if (message.state == MessageState::kFailed) text += "\n*(failed)*\n";
  }
  return text;
}

}  // namespace thimble::service
