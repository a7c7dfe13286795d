// SPDX-License-Identifier: Apache-2.0
#include "host/chat_upkeep.h"

#include "base/text.h"
#include "host/chat_schema.h"
#include "service/chat_form.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

namespace thimble::host {

namespace {

constexpr std::size_t kBackupsKept = 3;
// Of the database: cleaning it and its backups takes about half a second.
constexpr std::int64_t kLargeBytes = std::int64_t{16} << 20;

const char* NameOfKind(Leftover kind) {
  return kind == Leftover::kChat ? "chat" : kind == Leftover::kMessage ? "message" : "picture";
}

struct Note {
  std::string kind;
  std::string id;
};

OrFault<std::vector<Note>> Notes(Database* database) {
  THIMBLE_ASSIGN_OR_RETURN(Statement rows, database->Query("SELECT kind, id FROM leftovers"));
  std::vector<Note> notes;
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return notes;
    notes.push_back({rows.Text(0), rows.Text(1)});
  }
}

// Under the lock of writers: a picture that came back meanwhile stays.
OrFault<Done> RemovePictures(const ChatFolder& folder, Database* database, const std::vector<Note>& notes) {
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  for (const Note& note : notes) {
    if (note.kind != NameOfKind(Leftover::kPicture) || !service::IsSha256(note.id)) continue;
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_back,
                             database->Number("SELECT count(*) FROM pictures WHERE sha256 = ?1", note.id));
    if (is_back == 0 && unlink(folder.Picture(note.id).c_str()) != 0 && errno != ENOENT)
      return StoreFault(500, "the file of a picture cannot be deleted; it goes with the next chat that is deleted");
    THIMBLE_RETURN_IF_ERROR(database->Run("DELETE FROM leftovers WHERE kind = ?1 AND id = ?2", note.kind, note.id));
  }
  return transaction.Commit();
}

OrFault<Done> CleanCopy(const std::string& path, const std::vector<Note>& notes) {
  THIMBLE_ASSIGN_OR_RETURN(auto copy, OpenChatCopy(path));
  bool has_removed = false;
  {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(copy.get()));
    for (const Note& note : notes) {
      if (note.kind == NameOfKind(Leftover::kPicture)) continue;
      const bool is_chat = note.kind == NameOfKind(Leftover::kChat);
      THIMBLE_ASSIGN_OR_RETURN(const bool was_there,
                               is_chat ? RemoveChat(copy.get(), note.id) : RemoveMessage(copy.get(), note.id));
      has_removed |= was_there;
    }
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  }
  if (!has_removed) return Done{};
  return Purge(copy.get());
}

bool HasNote(const std::vector<Note>& notes, Leftover kind) {
  return std::any_of(notes.begin(), notes.end(), [&](const Note& note) { return note.kind == NameOfKind(kind); });
}

// A copy that cannot be cleaned, as one of another version, goes as a whole.
OrFault<Done> CleanCopies(const ChatFolder& folder, const std::vector<Note>& notes) {
  std::vector<std::string> paths = folder.OldDatabases();
  for (const std::string& name : folder.BackupNames()) paths.push_back(Cat(folder.Backups(), "/", name));
  for (const std::string& path : paths) {
    if (CleanCopy(path, notes).ok()) continue;
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
      return StoreFault(500, Cat("what was deleted is still in ", NameOf(path), ", which cannot be changed"));
    unlink((path + "-journal").c_str());
  }
  return Done{};
}

}  // namespace

std::string DayOf(std::int64_t milliseconds) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(milliseconds)};
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  const auto two = [](unsigned value) { return Cat(value < 10 ? "0" : "", value); };
  return Cat(int{date.year()}, "-", two(unsigned{date.month()}), "-", two(unsigned{date.day()}));
}

OrFault<Done> NoteLeftover(Database* database, Leftover kind, const std::string& id) {
  return database->Run("INSERT OR IGNORE INTO leftovers VALUES (?1, ?2)", std::string_view(NameOfKind(kind)), id);
}

OrFault<Done> NoteLoosePictures(Database* database, std::int64_t before) {
  constexpr const char* kLoose =
      "FROM pictures WHERE added < ?1 AND sha256 NOT IN (SELECT sha256 FROM message_pictures)";
  THIMBLE_RETURN_IF_ERROR(
      database->Run(Cat("INSERT OR IGNORE INTO leftovers SELECT 'picture', sha256 ", kLoose), before));
  return database->Run(Cat("DELETE ", kLoose), before);
}

OrFault<Done> ClearLeftovers(const ChatFolder& folder, Database* database, bool at_once) {
  THIMBLE_ASSIGN_OR_RETURN(const std::vector<Note> notes, Notes(database));
  if (notes.empty()) return Done{};
  // Whoever still writes it writes a file without a name, which ends with it.
  for (const Note& note : notes) {
    if (note.kind == NameOfKind(Leftover::kMessage) && service::IsChatId(note.id))
      unlink(folder.Journal(note.id).c_str());
  }
  THIMBLE_RETURN_IF_ERROR(RemovePictures(folder, database, notes));
  const bool has_chat = HasNote(notes, Leftover::kChat);
  if (!has_chat && !HasNote(notes, Leftover::kMessage)) return Done{};
  if (!at_once && !has_chat && BytesOf(folder.Database()) > kLargeBytes) return Done{};
  THIMBLE_RETURN_IF_ERROR(CleanCopies(folder, notes));
  THIMBLE_RETURN_IF_ERROR(Purge(database));
  for (const Note& note : notes)
    THIMBLE_RETURN_IF_ERROR(database->Run("DELETE FROM leftovers WHERE kind = ?1 AND id = ?2", note.kind, note.id));
  return Done{};
}

OrFault<bool> BackUp(const ChatFolder& folder, Database* database, std::int64_t now) {
  const std::string path = Cat(folder.Backups(), "/chats-", DayOf(now), ".sqlite");
  if (KindOfPath(path) != PathKind::kNothing) return false;
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t num_chats, database->Number("SELECT count(*) FROM chats"));
  const FileLock lock(folder.Backups() + "/lock", 0);
  if (num_chats == 0 || !lock.is_held()) return false;
  // A damaged file must not push good backups out.
  THIMBLE_ASSIGN_OR_RETURN(const std::string check, database->Text("PRAGMA quick_check(1)"));
  if (check != "ok")
    return StoreFault(500,
                      Cat("the file of the chats is damaged (", check, "); nothing was deleted", folder.AboutBackups()),
                      kDamaged);
  const std::string part = folder.Backups() + "/part";
  unlink(part.c_str());
  const Status made = MakePrivateFile(part);
  if (!made.ok()) return StoreFault(500, made.error().message);
  const auto copied = database->Run("VACUUM INTO ?1", part);
  const int fd = copied.ok() ? open(part.c_str(), O_RDONLY | O_CLOEXEC) : -1;
  const bool is_whole = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) close(fd);
  if (!is_whole || std::rename(part.c_str(), path.c_str()) != 0) {
    unlink(part.c_str());
    if (!copied.ok()) return copied.error();
    return StoreFault(500, "the backup of the chats could not be written");
  }
  const std::vector<std::string> names = folder.BackupNames();
  for (std::size_t i = 0; i + kBackupsKept < names.size(); ++i) unlink(Cat(folder.Backups(), "/", names[i]).c_str());
  return true;
}

}  // namespace thimble::host
