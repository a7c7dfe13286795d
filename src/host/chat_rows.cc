// SPDX-License-Identifier: Apache-2.0
#include "host/chat_rows.h"

#include "base/text.h"
#include "host/chat_schema.h"
#include "host/chat_upkeep.h"

#include <algorithm>
#include <set>
#include <utility>

namespace thimble::host {

using service::ChatMessage;
using service::ChatSummary;
using service::MessageState;

namespace {

// What the store wrote itself; a damaged one is as if nothing stood there.
Json ParseColumn(const std::string& text, Json other) {
  auto json = Json::Parse(text, "chats");
  return json.ok() ? std::move(json).value() : std::move(other);
}

std::string DumpOr(const Json& json, const char* other) { return json.IsNull() ? other : json.Dump(); }

}  // namespace

std::string ChatColumns() {
  return "c.id, c.title, c.model, c.instructions, c.folder, c.head, c.pinned, c.created, c.updated, "
         "(SELECT count(*) FROM messages m WHERE m.chat = c.seq), "
         "(SELECT m.tokens FROM messages m WHERE m.chat = c.seq AND m.tokens > 0 ORDER BY m.seq DESC LIMIT 1), "
         "(SELECT count(DISTINCT p.sha256) FROM messages m JOIN message_pictures p ON p.message = m.seq "
         "WHERE m.chat = c.seq)";
}

ChatSummary ChatOfRow(const Statement& row) {
  ChatSummary chat;
  int column = 0;
  chat.id = row.Text(column++);
  chat.title = row.Text(column++);
  chat.model = row.Text(column++);
  chat.instructions = row.Text(column++);
  chat.folder = row.Text(column++);
  chat.head = row.Text(column++);
  chat.is_pinned = row.Int(column++) != 0;
  chat.created = row.Int(column++);
  chat.updated = row.Int(column++);
  chat.num_messages = row.Int(column++);
  chat.num_tokens = row.Int(column++);
  chat.num_pictures = row.Int(column++);
  return chat;
}

std::string MessageColumns() {
  return "m.id, m.parent, m.role, m.model, m.state, m.created, m.text, m.reasoning, m.pictures, m.facts";
}

ChatMessage MessageOfRow(const Statement& row) {
  ChatMessage message;
  int column = 0;
  message.id = row.Text(column++);
  message.parent = row.Text(column++);
  message.role = row.Text(column++);
  message.model = row.Text(column++);
  message.state = static_cast<MessageState>(std::clamp<std::int64_t>(row.Int(column++), 0, 3));
  message.created = row.Int(column++);
  message.text = row.Text(column++);
  message.reasoning = row.Text(column++);
  message.pictures = ParseColumn(row.Text(column++), Json::Array());
  message.facts = ParseColumn(row.Text(column++), Json::Object());
  return message;
}

OrFault<std::int64_t> ChatRow(Database* database, const std::string& chat) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, database->Number("SELECT seq FROM chats WHERE id = ?1", chat));
  if (seq == 0) return StoreFault(404, "there is no such chat");
  return seq;
}

OrFault<std::int64_t> MessageRow(Database* database, std::int64_t chat, const std::string& message) {
  THIMBLE_ASSIGN_OR_RETURN(
      const std::int64_t seq,
      database->Number("SELECT seq FROM messages WHERE id = ?1 AND (chat = ?2 OR ?2 = 0)", message, chat));
  if (seq == 0) return StoreFault(404, "there is no such message in this chat");
  return seq;
}

OrFault<ChatSummary> ReadSummary(Database* database, std::int64_t chat) {
  THIMBLE_ASSIGN_OR_RETURN(Statement row,
                           database->Query(Cat("SELECT ", ChatColumns(), " FROM chats c WHERE c.seq = ?1"), chat));
  THIMBLE_ASSIGN_OR_RETURN(const bool is_there, row.Step());
  if (!is_there) return StoreFault(404, "there is no such chat");
  return ChatOfRow(row);
}

OrFault<std::int64_t> FreeTime(Database* database, std::int64_t now) {
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_taken,
                             database->Number("SELECT count(*) FROM chats WHERE updated = ?1", now));
    if (is_taken == 0) return now;
    ++now;
  }
}

OrFault<Done> Touch(Database* database, std::int64_t chat, std::int64_t now) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t time, FreeTime(database, now));
  return database->Run("UPDATE chats SET updated = ?2 WHERE seq = ?1", chat, time);
}

OrFault<std::int64_t> InsertChat(Database* database, const ChatSummary& chat) {
  THIMBLE_RETURN_IF_ERROR(
      database->Run("INSERT INTO chats (id, title, model, instructions, folder, head, pinned, created, updated) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    chat.id, chat.title, chat.model, chat.instructions, chat.folder, chat.head,
                    std::int64_t{chat.is_pinned}, chat.created, chat.updated));
  const std::int64_t seq = database->last_row();
  THIMBLE_RETURN_IF_ERROR(IndexTitle(database, seq));
  return seq;
}

OrFault<std::int64_t> InsertMessage(Database* database, std::int64_t chat, const ChatMessage& message) {
  THIMBLE_RETURN_IF_ERROR(database->Run(
      "INSERT INTO messages (chat, id, parent, role, model, state, created, text, reasoning, pictures, facts, tokens) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      chat, message.id, message.parent, message.role, message.model, NumberOf(message.state), message.created,
      message.text, message.reasoning, DumpOr(message.pictures, "[]"), DumpOr(message.facts, "{}"),
      TokensOf(message.facts)));
  const std::int64_t seq = database->last_row();
  THIMBLE_RETURN_IF_ERROR(IndexText(database, seq));
  THIMBLE_RETURN_IF_ERROR(SetPictures(database, seq, message.pictures));
  return seq;
}

OrFault<Done> SetPictures(Database* database, std::int64_t message, const Json& pictures) {
  THIMBLE_RETURN_IF_ERROR(database->Run("DELETE FROM message_pictures WHERE message = ?1", message));
  std::set<std::string> seen;
  for (const Json& picture : pictures.items()) {
    const std::string& sha256 = picture.Find("sha256")->text();  // checked (service/chat_form.h)
    if (!seen.insert(sha256).second) continue;
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_here,
                             database->Number("SELECT count(*) FROM pictures WHERE sha256 = ?1", sha256));
    if (is_here == 0) {
      Fault fault = StoreFault(404, "a picture of this message is not here: send it first");
      fault.param = "pictures";
      return fault;
    }
    THIMBLE_RETURN_IF_ERROR(database->Run("INSERT INTO message_pictures VALUES (?1, ?2)", message, sha256));
  }
  return Done{};
}

OrFault<std::vector<std::string>> PicturesOf(Database* database, const std::string& where) {
  THIMBLE_ASSIGN_OR_RETURN(
      Statement rows,
      database->Query(
          Cat("SELECT DISTINCT p.sha256 FROM message_pictures p JOIN messages m ON m.seq = p.message WHERE ", where)));
  std::vector<std::string> pictures;
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return pictures;
    pictures.push_back(rows.Text(0));
  }
}

OrFault<Done> DropPictures(Database* database, const std::vector<std::string>& pictures) {
  for (const std::string& picture : pictures) {
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t uses,
                             database->Number("SELECT count(*) FROM message_pictures WHERE sha256 = ?1", picture));
    if (uses > 0) continue;
    THIMBLE_RETURN_IF_ERROR(database->Run("DELETE FROM pictures WHERE sha256 = ?1", picture));
    THIMBLE_RETURN_IF_ERROR(NoteLeftover(database, Leftover::kPicture, picture));
  }
  return Done{};
}

std::int64_t TokensOf(const Json& facts) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const Json* usage = facts.Find("usage");
  if (usage == nullptr) return 0;
  const auto count = [&](const char* key) {
    const Json* value = usage->Find(key);
    return value == nullptr ? std::int64_t{0} : std::clamp<std::int64_t>(value->AsInt().value_or(0), 0, kMost);
  };
  return count("prompt_tokens") + count("completion_tokens");
}

std::int64_t NumberOf(MessageState state) { return static_cast<std::int64_t>(state); }

}  // namespace thimble::host
