// SPDX-License-Identifier: Apache-2.0
// Where the store of conversations keeps what: THIMBLE_HOME/chats, for its owner alone.
//   chats.sqlite (-wal, -shm)     texts, titles, the index for searching
//   chats.sqlite.v0               the file of the version before, after a migration
//   pictures/01/0123...           picture files by their SHA-256
//   running/ID                    journals of replies on their way (host/reply_journal.h)
//   open/ID                       locks: which chats a command has open
//   backups/chats-2026-11-30.sqlite
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::host {

struct ChatFolder {
  std::string path;  // THIMBLE_HOME/chats

  [[nodiscard]] std::string Database() const { return path + "/chats.sqlite"; }
  [[nodiscard]] std::string Pictures() const { return path + "/pictures"; }
  [[nodiscard]] std::string Picture(const std::string& sha256) const;
  [[nodiscard]] std::string Running() const { return path + "/running"; }
  [[nodiscard]] std::string Journal(const std::string& message) const { return Running() + "/" + message; }
  [[nodiscard]] std::string OpenMarks() const { return path + "/open"; }
  [[nodiscard]] std::string Backups() const { return path + "/backups"; }
  [[nodiscard]] std::string Lock() const { return path + "/lock"; }
  // Makes what is missing.
  [[nodiscard]] Status Make() const;
  // Names in Backups(), oldest first.
  [[nodiscard]] std::vector<std::string> BackupNames() const;
  // Databases of versions before, which migrations left.
  [[nodiscard]] std::vector<std::string> OldDatabases() const;
  // "; the newest backup is backups/chats-2026-11-30.sqlite ...": what to add to a sentence about damage.
  [[nodiscard]] std::string AboutBackups() const;
};

// Bytes of the file; 0 where there is none.
std::int64_t BytesOf(const std::string& path);
// Makes an empty file for its owner alone where there is none; one that is there becomes so.
Status MakePrivateFile(const std::string& path);
// Writes a file for its owner alone, beside its place, and waits for the disk; the caller renames it.
Status WritePrivateFile(const std::string& path, std::string_view bytes);

// A lock on a file, held as long as this lives; of one process or thread at a time.
class FileLock {
 public:
  // Not held where somebody else keeps it all the `seconds`, or it cannot be made.
  FileLock(const std::string& path, double seconds);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  [[nodiscard]] bool is_held() const { return fd_ >= 0; }
  [[nodiscard]] bool is_refused() const { return is_refused_; }  // because somebody else has it

 private:
  int fd_ = -1;
  bool is_refused_ = false;
};

}  // namespace thimble::host
