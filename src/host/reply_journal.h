// SPDX-License-Identifier: Apache-2.0
// The journal of a reply on its way: an append-only file, so that what was written is there after a kill. Its lock
// tells whether the reply's process still lives.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace thimble::host {

struct JournalText {
  std::string reasoning;
  std::string text;
  std::size_t num_bytes = 0;  // of the file, up to the end of the last whole record
};

// What the bytes of a journal's file hold, up to the first record that is torn or is none; of each of the two texts at
// most `most_bytes`, in whole characters.
JournalText ReadJournal(std::string_view bytes, std::size_t most_bytes);
// The file's beginning, and the record that stands `at` bytes behind it; empty texts make none.
std::string JournalBegin();
std::string JournalRecord(bool is_reasoning, std::string_view text, std::size_t at);

// A journal that this process holds; others see so. One thread at a time, but for Sync beside Append.
class JournalFile {
 public:
  // kInvalid where somebody holds it. What an abandoned one holds is kept, and gone on with.
  static Result<std::unique_ptr<JournalFile>> Create(const std::string& path, std::size_t most_bytes);
  // nullptr where there is no such file, or somebody holds it (then *is_held).
  static Result<std::unique_ptr<JournalFile>> TakeOver(const std::string& path, std::size_t most_bytes, bool* is_held);
  // What it holds, whoever writes it; empty where there is none.
  static JournalText Peek(const std::string& path, std::size_t most_bytes);
  ~JournalFile();
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  // What cannot be written now is written with the next one, or by Flush.
  void Append(std::string_view reasoning, std::string_view text);
  // kExhausted where the disk is full.
  Status Flush();
  // Waits for the disk.
  Status Sync();
  void Remove();
  // All that came, written or not.
  [[nodiscard]] const JournalText& text() const { return text_; }

 private:
  JournalFile(int fd, std::string path, std::size_t most_bytes);
  Status Load();

  int fd_;
  std::string path_;
  std::size_t most_bytes_;
  JournalText text_;     // num_bytes: of the file
  std::string pending_;  // records that are not in the file yet
};

}  // namespace thimble::host
