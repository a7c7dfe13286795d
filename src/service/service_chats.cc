// SPDX-License-Identifier: Apache-2.0
// Service: conversations that are kept, their pictures, a client's settings; answers that go on without their readers.
#include "base/no_memory.h"
#include "base/text.h"
#include "service/chat_form.h"
#include "service/query.h"
#include "service/request_body.h"
#include "service/service.h"

#include <algorithm>
#include <utility>

namespace thimble::service {

namespace {

constexpr int kMostListed = 1000;
constexpr std::uint64_t kLatestTime = std::uint64_t{1} << 53;  // what a client's numbers hold

WholeAnswer Nothing() { return {204, {}, ""}; }
WholeAnswer Empty(int status) { return JsonAnswer("{}", status); }

OrFault<ChatQuery> ReadQuery(const std::string& query) {
  ChatQuery wanted;
  THIMBLE_ASSIGN_OR_RETURN(const auto search, QueryText(query, "search"));
  THIMBLE_ASSIGN_OR_RETURN(wanted.folder, QueryText(query, "folder"));
  wanted.search = search.value_or("");
  if (const std::string_view before = QueryValue(query, "before"); !before.empty()) {
    const auto number = NumberOf(before);
    if (!number || *number > kLatestTime)
      return Fault{400, "", "", "before", "before is a time in milliseconds since 1970"};
    wanted.before = static_cast<std::int64_t>(*number);
  }
  if (const std::string_view most = QueryValue(query, "most"); !most.empty()) {
    const auto number = NumberOf(most);
    if (!number || *number < 1 || *number > kMostListed)
      return Fault{400, "", "", "most", Cat("most is a number from 1 to ", kMostListed)};
    wanted.most = static_cast<int>(*number);
  }
  return wanted;
}

OrFault<WholeAnswer> ListChats(ChatStore* store, const std::string& query) {
  THIMBLE_ASSIGN_OR_RETURN(const ChatQuery wanted, ReadQuery(query));
  THIMBLE_ASSIGN_OR_RETURN(const auto hits, store->List(wanted));
  std::vector<Json> chats;
  chats.reserve(hits.size());
  for (const ChatHit& hit : hits) chats.push_back(HitJson(hit));
  return JsonAnswer(Json::Object({{"chats", Json::Array(std::move(chats))}}).Dump());
}

OrFault<WholeAnswer> ShowChat(ChatStore* store, const std::string& id) {
  THIMBLE_ASSIGN_OR_RETURN(const ChatSummary chat, store->Find(id));
  THIMBLE_ASSIGN_OR_RETURN(const auto messages, store->Messages(id));
  std::vector<Json> items;
  items.reserve(messages.size());
  for (const ChatMessage& message : messages) items.push_back(MessageJson(message));
  return JsonAnswer(Json::Object({{"chat", ChatJson(chat)}, {"messages", Json::Array(std::move(items))}}).Dump());
}

OrFault<WholeAnswer> ImportChat(ChatStore* store, const std::string& body) {
  THIMBLE_ASSIGN_OR_RETURN(const ChatDocument document, ParseChatDocument(body));
  THIMBLE_ASSIGN_OR_RETURN(const ChatSummary chat, store->Import(document.chat, document.messages));
  return JsonAnswer(ChatJson(chat).Dump(), 201);
}

OrFault<WholeAnswer> ShowPicture(ChatStore* store, const std::string& sha256) {
  if (!IsSha256(sha256))
    return Fault{404, "", "picture_not_found", "", "Pictures are called by the SHA-256 of their files."};
  THIMBLE_ASSIGN_OR_RETURN(StoredPicture picture, store->Picture(sha256));
  return WholeAnswer{200,
                     {{"content-type", picture.media_type},
                      {"cache-control", "private, max-age=31536000, immutable"},
                      {"x-content-type-options", "nosniff"}},
                     std::move(picture.bytes)};
}

OrFault<WholeAnswer> SetSettings(ChatStore* store, const std::string& body) {
  THIMBLE_ASSIGN_OR_RETURN(const Json settings, ParseBody(body));
  THIMBLE_RETURN_IF_ERROR(CheckFacts("settings", settings));
  THIMBLE_RETURN_IF_ERROR(store->SetSettings(settings));
  return Empty(200);
}

}  // namespace

bool Service::IsOfChats(RouteKind kind) {
  switch (kind) {
    case RouteKind::kChats:
    case RouteKind::kNewChat:
    case RouteKind::kImportChat:
    case RouteKind::kChatOf:
    case RouteKind::kChangeChat:
    case RouteKind::kDeleteChat:
    case RouteKind::kAddMessage:
    case RouteKind::kChangeMessage:
    case RouteKind::kDeleteMessage:
    case RouteKind::kKeptPicture:
    case RouteKind::kSettings:
    case RouteKind::kPutSettings:
    case RouteKind::kSpace:
      return true;
    default:
      return false;
  }
}

// On Help's thread: everything here may wait for the disk.
OrFault<WholeAnswer> Service::AnswerChats(const Visit& visit) {
  OrFault<WholeAnswer> answer = WholeAnswer{};
  const Status memory = ExhaustedIfNoMemory([&]() -> Status {
    answer = ChatsRoute(visit);
    return Done{};
  });
  return memory.ok() ? answer : OrFault<WholeAnswer>(memory.error());
}

OrFault<WholeAnswer> Service::ChatsRoute(const Visit& visit) {
  ChatStore* const store = options_.chats;
  if (store == nullptr) {
    return Fault{501, "", "no_history", "",
                 options_.why_no_chats.empty() ? "Conversations are not kept here." : options_.why_no_chats};
  }
  const auto& names = visit.names;
  switch (visit.route->kind) {
    case RouteKind::kChats:
      return ListChats(store, visit.request.query);
    case RouteKind::kNewChat:
      return NewChat(visit);
    case RouteKind::kImportChat:
      return ImportChat(store, visit.request.body);
    case RouteKind::kChatOf:
      return ShowChat(store, names[0]);
    case RouteKind::kChangeChat: {
      THIMBLE_ASSIGN_OR_RETURN(const Json body, ParseBody(visit.request.body));
      THIMBLE_ASSIGN_OR_RETURN(const ChatChange change, ReadChatChange(body));
      THIMBLE_ASSIGN_OR_RETURN(const ChatSummary chat, store->Change(names[0], change));
      return JsonAnswer(ChatJson(chat).Dump());
    }
    case RouteKind::kDeleteChat:
      return DeleteChat(names[0]);
    case RouteKind::kAddMessage:
      return AddMessage(visit);
    case RouteKind::kChangeMessage:
      return ChangeMessage(visit);
    case RouteKind::kDeleteMessage:
      THIMBLE_RETURN_IF_ERROR(store->DeleteMessage(names[0], names[1]));
      return Nothing();
    case RouteKind::kKeptPicture:
      return ShowPicture(store, names[0]);
    case RouteKind::kSettings: {
      THIMBLE_ASSIGN_OR_RETURN(const Json settings, store->Settings());
      return JsonAnswer(settings.IsObject() ? settings.Dump() : "{}");
    }
    case RouteKind::kPutSettings:
      return SetSettings(store, visit.request.body);
    default:
      return SpaceOf();
  }
}

OrFault<WholeAnswer> Service::NewChat(const Visit& visit) {
  THIMBLE_ASSIGN_OR_RETURN(const Json body, ParseBody(visit.request.body));
  THIMBLE_ASSIGN_OR_RETURN(ChatSummary chat, ReadChat(body));
  if (chat.id.empty()) chat.id = options_.new_id();
  constexpr std::int64_t kMilliseconds = 1000;
  if (chat.created == 0) chat.created = options_.now() * kMilliseconds;
  chat.updated = std::max(chat.updated, chat.created);
  chat.head.clear();
  THIMBLE_RETURN_IF_ERROR(CheckChat(chat, false));
  THIMBLE_ASSIGN_OR_RETURN(const ChatSummary made, options_.chats->Create(chat));
  return JsonAnswer(ChatJson(made).Dump(), 201);
}

OrFault<WholeAnswer> Service::DeleteChat(const std::string& id) {
  // Replies on their way to it end with it.
  const auto running = replies_.OfChat(id);
  THIMBLE_RETURN_IF_ERROR(options_.chats->Delete(id));
  for (const std::string& message : running) {
    const auto job = kept_.JobOf(message);
    if (job.ok() && job.value().has_value()) desk_.Stop(*job.value());
  }
  return Nothing();
}

OrFault<WholeAnswer> Service::AddMessage(const Visit& visit) {
  THIMBLE_ASSIGN_OR_RETURN(const Json body, ParseBody(visit.request.body));
  THIMBLE_ASSIGN_OR_RETURN(ChatMessage message, ReadMessage(body));
  if (message.created == 0) message.created = options_.now() * 1000;
  THIMBLE_RETURN_IF_ERROR(options_.chats->Add(visit.names[0], message));
  if (message.state == MessageState::kRunning) replies_.Expect(visit.names[0], message.id);
  return Empty(201);
}

OrFault<WholeAnswer> Service::ChangeMessage(const Visit& visit) {
  THIMBLE_ASSIGN_OR_RETURN(const Json body, ParseBody(visit.request.body));
  THIMBLE_ASSIGN_OR_RETURN(const MessageChange change, ReadMessageChange(body));
  THIMBLE_RETURN_IF_ERROR(options_.chats->ChangeMessage(visit.names[0], visit.names[1], change));
  if (change.state == MessageState::kRunning) replies_.Expect(visit.names[0], visit.names[1]);
  return Empty(200);
}

OrFault<WholeAnswer> Service::SpaceOf() {
  THIMBLE_ASSIGN_OR_RETURN(const SpaceTaken taken, options_.chats->Space());
  std::uint64_t models = 0;
  for (const ShelfModel& model : shelf_->List()) models += model.is_builtin ? 0 : model.bytes;
  const std::uint64_t packs = options_.pack_bytes ? options_.pack_bytes() : 0;
  const auto number = [](std::uint64_t bytes) { return Json::Integer(static_cast<std::int64_t>(bytes)); };
  return JsonAnswer(Json::Object({{"models", number(models)},
                                  {"packs", number(packs)},
                                  {"chats", Json::Integer(taken.chats)},
                                  {"pictures", Json::Integer(taken.pictures)},
                                  {"backups", Json::Integer(taken.backups)}})
                        .Dump());
}

// The answer goes on whether somebody reads it or not; what it says goes into the chat's message of that name.
OrFault<Done> Service::Keep(const Visit& visit, const std::string& name, const std::shared_ptr<Job>& job) {
  THIMBLE_ASSIGN_OR_RETURN(const auto answer, kept_.Add(name, job->id));
  job->sink = answer;
  job->reply = replies_.NewReply(name, desk_.State().model);
  return answer->Read(visit.id, 0, visit.sink);
}

void Service::ReadKept(const Visit& visit) {
  std::uint64_t from = 0;
  if (const std::string_view text = QueryValue(visit.request.query, "from"); !text.empty()) {
    const auto number = NumberOf(text);
    if (!number) {
      Answer(visit, Fault{400, "", "", "from", "from is the number of an event, from 0"});
      return;
    }
    from = *number;
  }
  const auto read = kept_.Read(visit.names[0], from, visit.id, visit.sink);
  if (!read.ok()) Answer(visit, read.error());
}

OrFault<WholeAnswer> Service::StopKept(const std::string& name) {
  THIMBLE_ASSIGN_OR_RETURN(const auto job, kept_.JobOf(name));
  if (job.has_value()) desk_.Stop(*job);
  return Nothing();
}

void Service::TendKept() {
  kept_.Tend();
  replies_.Tend();
}

double Service::HelpDue() const { return std::min(kept_.Due(), replies_.Due()); }

void Service::Close() {
  desk_.Close();
  replies_.Close();
}

}  // namespace thimble::service
