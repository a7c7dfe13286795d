// SPDX-License-Identifier: Apache-2.0
// SqliteChatStore: messages and pictures.
#include "base/sha256.h"
#include "base/text.h"
#include "host/chat_id.h"
#include "host/chat_rows.h"
#include "host/chat_schema.h"
#include "host/chat_store.h"
#include "host/chat_upkeep.h"
#include "host/sqlite_chat_store.h"
#include "service/chat_form.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <utility>

namespace thimble::host {

namespace {

constexpr std::size_t kMostPictureBytes = std::size_t{256} << 20;

// Without the path that the error names.
Fault FaultOfFile(const Error& error) {
  if (error.code == Code::kExhausted) return StoreFault(507, "the disk is full: the picture was not kept", "disk_full");
  return StoreFault(500, "the file of a picture cannot be written");
}

OrFault<Done> CheckRoom(Database* database, std::int64_t chat) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t count,
                           database->Number("SELECT count(*) FROM messages WHERE chat = ?1", chat));
  if (count < static_cast<std::int64_t>(service::kMostMessages)) return Done{};
  return StoreFault(413, Cat("a chat may have ", service::kMostMessages, " messages; begin a new one"));
}

OrFault<bool> IsMessageTaken(Database* database, const std::string& id) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t count,
                           database->Number("SELECT count(*) FROM messages WHERE id = ?1", id));
  return count > 0;
}

// Of a picture's file: what a browser may be told that it is.
bool IsMediaType(const std::string& text) {
  constexpr std::size_t kMost = 64;
  return text.starts_with("image/") && text.size() <= kMost && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '/' || c == '-' || c == '+' || c == '.';
         });
}

}  // namespace

OrFault<std::vector<ChatMessage>> SqliteChatStore::Messages(const std::string& chat) {
  const MutexLock lock(&files_->mutex);
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, ChatRow(database_, chat));
  THIMBLE_RETURN_IF_ERROR(Recover());
  std::vector<ChatMessage> messages;
  THIMBLE_ASSIGN_OR_RETURN(
      Statement rows,
      database_->Query(Cat("SELECT ", MessageColumns(), " FROM messages m WHERE m.chat = ?1 ORDER BY m.seq"), seq));
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return messages;
    messages.push_back(MessageOfRow(rows));
    ChatMessage& message = messages.back();
    if (message.state != MessageState::kRunning) continue;
    const JournalText came = JournalFile::Peek(folder_.Journal(message.id), service::kMostMessageBytes);
    message.text += came.text;
    message.reasoning += came.reasoning;
  }
}

OrFault<Done> SqliteChatStore::Add(const std::string& chat, const ChatMessage& message) {
  THIMBLE_RETURN_IF_ERROR(service::CheckMessage(message));
  const bool is_running = message.state == MessageState::kRunning;
  if (is_running && message.role != "assistant")
    return StoreFault(400, "only a message of the role \"assistant\" can be on its way");
  const MutexLock lock(&files_->mutex);
  THIMBLE_RETURN_IF_ERROR(KeepUp());
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, ChatRow(database_, chat));
  THIMBLE_ASSIGN_OR_RETURN(const bool is_taken, IsMessageTaken(database_, message.id));
  if (is_taken) return StoreFault(409, "there is a message with this id already");
  if (!message.parent.empty()) {
    const auto parent = MessageRow(database_, seq, message.parent);
    if (!parent.ok()) return parent.error();
  }
  THIMBLE_RETURN_IF_ERROR(CheckRoom(database_, seq));
  const std::int64_t now = files_->now();
  ChatMessage added = message;
  if (added.created == 0) added.created = now;
  THIMBLE_ASSIGN_OR_RETURN([[maybe_unused]] const std::int64_t row, InsertMessage(database_, seq, added));
  THIMBLE_RETURN_IF_ERROR(
      database_->Run("UPDATE chats SET head = ?2, model = CASE ?3 WHEN '' THEN model ELSE ?3 END WHERE seq = ?1", seq,
                     added.id, added.model));
  THIMBLE_RETURN_IF_ERROR(Touch(database_, seq, now));
  // Held before anybody can see the message: whoever finds it on its way finds that somebody will write it.
  if (is_running) THIMBLE_RETURN_IF_ERROR(HoldJournal(added.id));
  auto committed = transaction.Commit();
  if (!committed.ok() && is_running) {
    waiting_[added.id]->Remove();
    waiting_.erase(added.id);
  }
  return committed;
}

OrFault<Done> SqliteChatStore::ApplyChange(std::int64_t seq, const MessageChange& change) {
  const auto set = [&](const char* column, const auto& value) -> OrFault<Done> {
    return database_->Run(Cat("UPDATE messages SET ", column, " = ?2 WHERE seq = ?1"), seq, value);
  };
  if (change.text) {
    THIMBLE_RETURN_IF_ERROR(UnindexText(database_, seq));
    THIMBLE_RETURN_IF_ERROR(set("text", *change.text));
    THIMBLE_RETURN_IF_ERROR(IndexText(database_, seq));
  }
  if (change.reasoning) THIMBLE_RETURN_IF_ERROR(set("reasoning", *change.reasoning));
  if (change.model) THIMBLE_RETURN_IF_ERROR(set("model", *change.model));
  if (change.state) THIMBLE_RETURN_IF_ERROR(set("state", NumberOf(*change.state)));
  if (change.facts) {
    THIMBLE_RETURN_IF_ERROR(set("facts", change.facts->IsNull() ? std::string("{}") : change.facts->Dump()));
    THIMBLE_RETURN_IF_ERROR(set("tokens", TokensOf(*change.facts)));
  }
  if (!change.pictures) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(const auto before, PicturesOf(database_, Cat("m.seq = ", seq)));
  THIMBLE_RETURN_IF_ERROR(set("pictures", change.pictures->IsNull() ? std::string("[]") : change.pictures->Dump()));
  THIMBLE_RETURN_IF_ERROR(SetPictures(database_, seq, *change.pictures));
  return DropPictures(database_, before);
}

OrFault<Done> SqliteChatStore::ChangeMessage(const std::string& chat, const std::string& message,
                                             const MessageChange& change) {
  THIMBLE_RETURN_IF_ERROR(service::CheckChange(change));
  const MutexLock lock(&files_->mutex);
  {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t chat_seq, ChatRow(database_, chat));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, MessageRow(database_, chat_seq, message));
    THIMBLE_RETURN_IF_ERROR(ApplyChange(seq, change));
    THIMBLE_RETURN_IF_ERROR(Touch(database_, chat_seq, files_->now()));
    if (change.state == MessageState::kRunning && !waiting_.contains(message))
      THIMBLE_RETURN_IF_ERROR(HoldJournal(message));
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  }
  // Nobody will write it any more.
  const auto waiting = waiting_.find(message);
  if (change.state && *change.state != MessageState::kRunning && waiting != waiting_.end()) {
    waiting->second->Remove();
    waiting_.erase(waiting);
  }
  return ClearLeftovers(folder_, database_, false);
}

OrFault<Done> SqliteChatStore::DeleteMessage(const std::string& chat, const std::string& message) {
  const MutexLock lock(&files_->mutex);
  {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t chat_seq, ChatRow(database_, chat));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, MessageRow(database_, chat_seq, message));
    THIMBLE_ASSIGN_OR_RETURN(const std::string parent,
                             database_->Text("SELECT parent FROM messages WHERE seq = ?1", seq));
    constexpr const char* kGone =
        "WITH RECURSIVE gone (id) AS (VALUES (?1) UNION SELECT messages.id FROM messages, gone WHERE messages.parent = "
        "gone.id) ";
    THIMBLE_RETURN_IF_ERROR(
        database_->Run(Cat(kGone, "INSERT OR IGNORE INTO leftovers SELECT 'message', id FROM gone"), message));
    THIMBLE_ASSIGN_OR_RETURN(const auto pictures,
                             PicturesOf(database_, "m.id IN (SELECT id FROM leftovers WHERE kind = 'message')"));
    THIMBLE_ASSIGN_OR_RETURN(const bool is_removed, RemoveMessage(database_, message));
    if (!is_removed) return StoreFault(404, "there is no such message in this chat");
    THIMBLE_RETURN_IF_ERROR(database_->Run(
        "UPDATE chats SET head = ?2 WHERE seq = ?1 AND head NOT IN (SELECT id FROM messages WHERE chat = ?1)", chat_seq,
        parent));
    THIMBLE_RETURN_IF_ERROR(Touch(database_, chat_seq, files_->now()));
    THIMBLE_RETURN_IF_ERROR(DropPictures(database_, pictures));
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  }
  return ClearAway();
}

OrFault<ChatSummary> SqliteChatStore::Import(const ChatSummary& chat, const std::vector<ChatMessage>& messages) {
  THIMBLE_RETURN_IF_ERROR(service::CheckChat(chat, true));
  if (messages.size() > service::kMostMessages)
    return StoreFault(413, Cat("a chat may have ", service::kMostMessages, " messages"));
  const MutexLock lock(&files_->mutex);
  THIMBLE_RETURN_IF_ERROR(KeepUp());
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  ChatSummary made = chat;
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_taken,
                           database_->Number("SELECT count(*) FROM chats WHERE id = ?1", made.id));
  if (made.id.empty() || is_taken != 0) made.id = NewChatId();
  made.head.clear();
  const std::int64_t now = files_->now();
  made.created = made.created == 0 ? now : std::min(made.created, now);
  THIMBLE_ASSIGN_OR_RETURN(made.updated, FreeTime(database_, made.updated == 0 ? now : std::min(made.updated, now)));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, InsertChat(database_, made));
  std::unordered_map<std::string, std::string> ids;  // of the messages given, and as they are here
  std::string head;
  for (const ChatMessage& message : messages) {
    THIMBLE_RETURN_IF_ERROR(service::CheckMessage(message));
    if (ids.contains(message.id)) return StoreFault(400, "two messages have the same id");
    if (!message.parent.empty() && !ids.contains(message.parent))
      return StoreFault(400, "a message must stand behind its parent");
    ChatMessage added = message;
    THIMBLE_ASSIGN_OR_RETURN(const bool is_known, IsMessageTaken(database_, message.id));
    if (is_known) added.id = NewChatId();
    ids[message.id] = added.id;
    if (!message.parent.empty()) added.parent = ids[message.parent];
    if (added.state == MessageState::kRunning) added.state = MessageState::kStopped;
    if (chat.head.empty() || chat.head == message.id) head = added.id;
    THIMBLE_ASSIGN_OR_RETURN([[maybe_unused]] const std::int64_t row, InsertMessage(database_, seq, added));
  }
  if (head.empty() && !messages.empty()) return StoreFault(400, "\"head\" must be the id of one of the messages");
  THIMBLE_RETURN_IF_ERROR(database_->Run("UPDATE chats SET head = ?2 WHERE seq = ?1", seq, head));
  THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  return ReadSummary(database_, seq);
}

OrFault<std::string> SqliteChatStore::PutPicture(std::string_view bytes, const std::string& media_type) {
  if (bytes.empty()) return StoreFault(400, "a picture has bytes");
  if (bytes.size() > kMostPictureBytes) return StoreFault(413, Cat("a picture may have ", kMostPictureBytes, " bytes"));
  if (!IsMediaType(media_type)) return StoreFault(400, "a picture has a media type such as image/png");
  const std::string sha256 = Sha256Of(bytes);
  const std::string path = folder_.Picture(sha256);
  const MutexLock lock(&files_->mutex);
  // The file is there before its row is; what a process leaves that dies in between is written over by the next one.
  const std::string part = Cat(folder_.Pictures(), "/", NewChatId(), ".part");
  if (BytesOf(path) != static_cast<std::int64_t>(bytes.size())) {
    MakeFolders(FolderOf(path));
    const Status written = WritePrivateFile(part, bytes);
    if (!written.ok()) return FaultOfFile(written.error());
  }
  const auto keep = [&]() -> OrFault<Done> {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    // Here, where nobody else can be deleting it.
    if (BytesOf(part) > 0 && std::rename(part.c_str(), path.c_str()) != 0)
      return StoreFault(500, "the file of a picture cannot be put in its place");
    if (BytesOf(path) != static_cast<std::int64_t>(bytes.size()))
      return StoreFault(500, "the file of a picture went while it was kept; try again");
    THIMBLE_RETURN_IF_ERROR(
        database_->Run("INSERT INTO pictures VALUES (?1, ?2, ?3, ?4) ON CONFLICT (sha256) DO UPDATE SET added = ?4",
                       sha256, media_type, static_cast<std::int64_t>(bytes.size()), files_->now()));
    return transaction.Commit();
  };
  const auto kept = keep();
  unlink(part.c_str());
  if (!kept.ok()) return kept.error();
  return sha256;
}

OrFault<StoredPicture> SqliteChatStore::Picture(const std::string& sha256) {
  if (!service::IsSha256(sha256)) return StoreFault(404, "there is no such picture");
  StoredPicture picture;
  {
    const MutexLock lock(&files_->mutex);
    THIMBLE_ASSIGN_OR_RETURN(picture.media_type,
                             database_->Text("SELECT media_type FROM pictures WHERE sha256 = ?1", sha256));
  }
  if (picture.media_type.empty()) return StoreFault(404, "there is no such picture");
  const auto bytes = ReadFile(folder_.Picture(sha256), kMostPictureBytes);
  if (!bytes.ok()) return StoreFault(404, "the file of this picture is not there any more");
  picture.bytes.assign(reinterpret_cast<const char*>(bytes.value().data()), bytes.value().size());
  if (Sha256Of(picture.bytes) != sha256) return StoreFault(500, "the file of this picture is damaged");
  return picture;
}

}  // namespace thimble::host
