// SPDX-License-Identifier: Apache-2.0
#include "host/chat_schema.h"

#include "base/text.h"
#include "host/atomic_file.h"
#include "host/chat_search.h"
#include "host/chat_store.h"
#include "sys/folder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace thimble::host {

namespace {

// "TmbC", by which tools tell the file.
constexpr std::int64_t kApplicationId = 0x546d6243;
// How long another process may take to make or migrate the file.
constexpr double kLockSeconds = 30;

constexpr const char* kTables = R"(
CREATE TABLE chats (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, model TEXT NOT NULL,
  instructions TEXT NOT NULL, folder TEXT NOT NULL, head TEXT NOT NULL, pinned INTEGER NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL);
CREATE INDEX chats_by_time ON chats (updated);
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY, chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE, id TEXT NOT NULL UNIQUE,
  parent TEXT NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, state INTEGER NOT NULL, created INTEGER NOT NULL,
  text TEXT NOT NULL, reasoning TEXT NOT NULL, pictures TEXT NOT NULL, facts TEXT NOT NULL, tokens INTEGER NOT NULL);
CREATE INDEX messages_by_chat ON messages (chat);
CREATE INDEX messages_with_tokens ON messages (chat) WHERE tokens > 0;
CREATE INDEX messages_by_parent ON messages (parent);
CREATE INDEX messages_running ON messages (state) WHERE state = 1;
CREATE TABLE pictures (
  sha256 TEXT PRIMARY KEY NOT NULL, media_type TEXT NOT NULL, bytes INTEGER NOT NULL, added INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE message_pictures (
  message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE, sha256 TEXT NOT NULL REFERENCES pictures,
  PRIMARY KEY (message, sha256)) WITHOUT ROWID;
CREATE INDEX message_pictures_by_file ON message_pictures (sha256);
CREATE TABLE settings (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE leftovers (kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
)";

// The index tells in which rows three characters stand next to each other, and no more: it holds no texts and no places
// in them, and is a fourth of the size so (10.7 MB instead of 38.9 MB for 10.4 MB of text). Triggers would keep it, but
// may not, where a file's schema is not trusted.
constexpr const char* kIndex = R"(
CREATE VIRTUAL TABLE title_search USING fts5 (
  title, content = 'chats', content_rowid = 'seq', tokenize = 'trigram', detail = 'none', columnsize = 0);
CREATE VIRTUAL TABLE text_search USING fts5 (
  text, content = 'messages', content_rowid = 'seq', tokenize = 'trigram', detail = 'none', columnsize = 0);
)";

// Of each connection; the first two hold for what is deleted and for who refers to whom.
constexpr const char* kSettings =
    "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; "
    "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;";

OrFault<Done> MakeTables(Database* database) {
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  THIMBLE_RETURN_IF_ERROR(database->Execute(
      Cat(kTables, kIndex, "PRAGMA application_id = ", kApplicationId, "; PRAGMA user_version = ", kChatSchema)));
  return transaction.Commit();
}

Fault NewerVersion(std::int64_t version) {
  return StoreFault(409, Cat("the file of the chats was written by a newer Thimble (its format is ", version,
                             ", this version knows ", kChatSchema, "): use that one, or move the file elsewhere"));
}

// The version of a file that is ours; -1: it is empty.
OrFault<std::int64_t> VersionOf(Database* database) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t version, database->Number("PRAGMA user_version"));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t id, database->Number("PRAGMA application_id"));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t num_tables, database->Number("SELECT count(*) FROM sqlite_schema"));
  if (num_tables == 0 && version == 0) return std::int64_t{-1};
  if (id != kApplicationId) return StoreFault(409, "the file in the chats' place is a database of another program");
  if (version > kChatSchema) return NewerVersion(version);
  return version;
}

OrFault<Done> CompareCounts(Database* database, const ChatMigration& migration) {
  for (const auto& [old_query, new_query] : migration.same) {
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t before, database->Number(old_query));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t after, database->Number(new_query));
    if (before != after)
      return StoreFault(500, Cat("the copy in this version's format has ", after, " of ", before,
                                 " entries; the file stays as it was"));
  }
  THIMBLE_ASSIGN_OR_RETURN(const std::string check, database->Text("PRAGMA main.quick_check(1)"));
  if (check != "ok") return StoreFault(500, Cat("the copy in this version's format is broken: ", check));
  return Done{};
}

// Makes `path` from the old file.
OrFault<Done> CopyOld(const std::string& old_path, const std::string& path, const ChatMigration& migration) {
  THIMBLE_ASSIGN_OR_RETURN(auto copy, Database::Open(path, Database::Use::kCreate, {}));
  THIMBLE_RETURN_IF_ERROR(copy->Execute(kSettings));
  THIMBLE_RETURN_IF_ERROR(MakeTables(copy.get()));
  THIMBLE_RETURN_IF_ERROR(copy->Run("ATTACH DATABASE ?1 AS old", old_path));
  {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(copy.get()));
    for (const std::string& statement : migration.copies) THIMBLE_RETURN_IF_ERROR(copy->Execute(statement));
    THIMBLE_RETURN_IF_ERROR(CompareCounts(copy.get(), migration));
    THIMBLE_RETURN_IF_ERROR(
        copy->Execute("INSERT INTO title_search (title_search) VALUES ('rebuild');"
                      "INSERT INTO text_search (text_search) VALUES ('rebuild')"));
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  }
  return copy->Execute("DETACH DATABASE old");
}

// Under the folder's lock, with nobody else in the file.
OrFault<Done> Migrate(const ChatFolder& folder, std::unique_ptr<Database> old, std::int64_t version,
                      std::span<const ChatMigration> migrations) {
  const auto migration =
      std::find_if(migrations.begin(), migrations.end(), [&](const ChatMigration& one) { return one.from == version; });
  if (migration == migrations.end())
    return StoreFault(409, Cat("the file of the chats has the format ", version, ", which this version cannot read"));
  // Refused where another program has the file open; gathers all of it in one file.
  THIMBLE_RETURN_IF_ERROR(old->Execute("PRAGMA journal_mode = DELETE"));
  old.reset();
  const std::string path = folder.Database();
  const std::string copy = path + ".new";
  unlink(copy.c_str());
  const Status made = MakePrivateFile(copy);
  if (!made.ok()) return StoreFault(500, made.error().message);
  const auto copied = CopyOld(path, copy, *migration);
  if (!copied.ok()) {
    unlink(copy.c_str());
    return copied.error();
  }
  // One version is kept. The name leads to the old file or to the new one at any time.
  for (const std::string& older : folder.OldDatabases()) unlink(older.c_str());
  const std::string kept = Cat(path, ".v", version);
  if (link(path.c_str(), kept.c_str()) != 0 || std::rename(copy.c_str(), path.c_str()) != 0)
    return StoreFault(500, SystemError("chats", "cannot replace", path, errno).message);
  return Done{};
}

OrFault<std::unique_ptr<Database>> OpenUnderLock(const ChatFolder& folder, std::span<const ChatMigration> migrations) {
  const auto open = [&] {
    return Database::Open(folder.Database(), Database::Use::kCreate, [folder] { return folder.AboutBackups(); });
  };
  THIMBLE_ASSIGN_OR_RETURN(auto database, open());
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t version, VersionOf(database.get()));
  if (version >= 0 && version < kChatSchema) {
    THIMBLE_RETURN_IF_ERROR(Migrate(folder, std::move(database), version, migrations));
    THIMBLE_ASSIGN_OR_RETURN(database, open());
  }
  THIMBLE_RETURN_IF_ERROR(database->Execute(kSettings));
  THIMBLE_RETURN_IF_ERROR(database->Execute("PRAGMA journal_mode = WAL"));
  THIMBLE_RETURN_IF_ERROR(database->AddFunction("has_word", HasWord));
  if (version < 0) THIMBLE_RETURN_IF_ERROR(MakeTables(database.get()));
  return database;
}

}  // namespace

Result<std::unique_ptr<Database>> OpenChatDatabase(const ChatFolder& folder,
                                                   std::span<const ChatMigration> migrations) {
  THIMBLE_RETURN_IF_ERROR(folder.Make());
  const FileLock lock(folder.Lock(), kLockSeconds);
  if (!lock.is_held()) {
    return Error{Code::kSystem, Cat("[chats] the lock ", folder.Lock(),
                                    " cannot be had; another Thimble may be busy "
                                    "with the chats")};
  }
  THIMBLE_RETURN_IF_ERROR(MakePrivateFile(folder.Database()));
  auto database = OpenUnderLock(folder, migrations);
  if (database.ok()) return std::move(database).value();
  return WithPlace(ErrorOfStore(database.error()), folder.Database());
}

OrFault<std::unique_ptr<Database>> OpenChatCopy(const std::string& path) {
  THIMBLE_ASSIGN_OR_RETURN(auto database, Database::Open(path, Database::Use::kWrite, {}));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t version, VersionOf(database.get()));
  if (version != kChatSchema) return StoreFault(409, "another version wrote this copy");
  THIMBLE_RETURN_IF_ERROR(database->Execute(kSettings));
  THIMBLE_RETURN_IF_ERROR(database->Execute("PRAGMA journal_mode = DELETE"));
  return database;
}

OrFault<Done> Purge(Database* database) {
  THIMBLE_RETURN_IF_ERROR(
      database->Execute("INSERT INTO title_search (title_search) VALUES ('optimize');"
                        "INSERT INTO text_search (text_search) VALUES ('optimize')"));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_busy, database->Number("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (is_busy != 0) return StoreFault(500, "another program reads the chats; what was deleted goes as soon as it ends");
  return Done{};
}

OrFault<Done> IndexTitle(Database* database, std::int64_t chat) {
  return database->Run("INSERT INTO title_search (rowid, title) SELECT seq, title FROM chats WHERE seq = ?1", chat);
}

OrFault<Done> UnindexTitle(Database* database, std::int64_t chat) {
  return database->Run(
      "INSERT INTO title_search (title_search, rowid, title) SELECT 'delete', seq, title FROM chats WHERE seq = ?1",
      chat);
}

OrFault<Done> IndexText(Database* database, std::int64_t message) {
  return database->Run("INSERT INTO text_search (rowid, text) SELECT seq, text FROM messages WHERE seq = ?1", message);
}

OrFault<Done> UnindexText(Database* database, std::int64_t message) {
  return database->Run(
      "INSERT INTO text_search (text_search, rowid, text) SELECT 'delete', seq, text FROM messages WHERE seq = ?1",
      message);
}

OrFault<bool> RemoveChat(Database* database, const std::string& chat) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, database->Number("SELECT seq FROM chats WHERE id = ?1", chat));
  if (seq == 0) return false;
  THIMBLE_RETURN_IF_ERROR(UnindexTitle(database, seq));
  THIMBLE_RETURN_IF_ERROR(database->Run(
      "INSERT INTO text_search (text_search, rowid, text) SELECT 'delete', seq, text FROM messages WHERE chat = ?1",
      seq));
  THIMBLE_RETURN_IF_ERROR(database->Run("DELETE FROM chats WHERE seq = ?1", seq));
  return true;
}

OrFault<bool> RemoveMessage(Database* database, const std::string& message) {
  // UNION, not UNION ALL: it ends where messages were in a circle.
  constexpr const char* kGone =
      "WITH RECURSIVE gone (id) AS (VALUES (?1) UNION SELECT messages.id FROM messages, gone WHERE messages.parent = "
      "gone.id) ";
  THIMBLE_RETURN_IF_ERROR(database->Run(Cat(kGone,
                                            "INSERT INTO text_search (text_search, rowid, text) SELECT 'delete', seq, "
                                            "text FROM messages WHERE id IN (SELECT id FROM gone)"),
                                        message));
  THIMBLE_RETURN_IF_ERROR(database->Run(Cat(kGone, "DELETE FROM messages WHERE id IN (SELECT id FROM gone)"), message));
  return database->num_changed() > 0;
}

}  // namespace thimble::host
