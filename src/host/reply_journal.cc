// SPDX-License-Identifier: Apache-2.0
#include "host/reply_journal.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/text.h"
#include "host/atomic_file.h"
#include "sys/byte_source.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace thimble::host {

namespace {

constexpr std::string_view kBegin = "TMBLJRN1";
constexpr std::uint64_t kMostFileBytes = std::uint64_t{256} << 20;
constexpr int kTries = 8;

// Before each text: how long it is, what it is, and a checksum that also knows where it stands.
struct RecordHead {
  std::uint32_t size = 0;
  std::uint32_t is_reasoning = 0;
  std::uint64_t checksum = 0;
};

std::uint64_t ChecksumOf(bool is_reasoning, std::string_view text, std::size_t at) {
  return Checksum(std::as_bytes(std::span(text)), 2 * std::uint64_t{at} + (is_reasoning ? 1 : 0));
}

// As much of `text` as there is room for in `into`, in whole characters.
std::string_view WhatFits(std::string_view text, const std::string& into, std::size_t most_bytes) {
  const std::size_t room = most_bytes - std::min(most_bytes, into.size());
  if (text.size() <= room) return text;
  text = text.substr(0, room);
  return text.substr(0, CompletePrefixLength(text));
}

Status WriteAt(int fd, std::string_view bytes, std::size_t at, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("chats", "cannot write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    at += static_cast<std::size_t>(count);
  }
  return Done{};
}

// Opens and locks. -1 where there is no such file (and `flags` makes none), -2 where somebody holds it.
constexpr int kNone = -1;
constexpr int kHeld = -2;
Result<int> OpenLocked(const std::string& path, int flags) {
  for (int i = 0; i < kTries; ++i) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0 && errno == ENOENT && (flags & O_CREAT) == 0) return kNone;
    if (fd < 0) return SystemError("chats", "cannot open", path, errno);
    const int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    struct stat held{};
    struct stat named{};
    // Whoever held it may have removed it between our opening and our lock: then this is no file any more.
    const bool is_there = error == 0 && fstat(fd, &held) == 0 && lstat(path.c_str(), &named) == 0 &&
                          held.st_ino == named.st_ino && held.st_dev == named.st_dev;
    if (is_there) return fd;
    close(fd);
    if (error == EWOULDBLOCK) return kHeld;
    if (error != 0) return SystemError("chats", "cannot lock", path, error);
  }
  return kHeld;
}

}  // namespace

std::string JournalBegin() { return std::string(kBegin); }

std::string JournalRecord(bool is_reasoning, std::string_view text, std::size_t at) {
  if (text.empty()) return "";
  RecordHead head;
  head.size = static_cast<std::uint32_t>(text.size());
  head.is_reasoning = is_reasoning ? 1 : 0;
  head.checksum = ChecksumOf(is_reasoning, text, at);
  std::string record(sizeof head, '\0');
  std::memcpy(record.data(), &head, sizeof head);
  return record.append(text);
}

JournalText ReadJournal(std::string_view bytes, std::size_t most_bytes) {
  JournalText out;
  if (!bytes.starts_with(kBegin)) return out;
  ByteReader reader(std::as_bytes(std::span(bytes)), "journal");
  (void)reader.ReadBytes(kBegin.size());
  out.num_bytes = kBegin.size();
  while (reader.remaining() > 0) {
    const auto head = reader.Read<RecordHead>();
    if (!head.ok() || head.value().is_reasoning > 1 || head.value().size == 0) break;
    const auto text = reader.ReadChars(head.value().size);
    const bool is_reasoning = head.value().is_reasoning == 1;
    if (!text.ok() || ChecksumOf(is_reasoning, text.value(), out.num_bytes) != head.value().checksum) break;
    std::string* into = is_reasoning ? &out.reasoning : &out.text;
    into->append(WhatFits(text.value(), *into, most_bytes));
    out.num_bytes = static_cast<std::size_t>(reader.position());
  }
  return out;
}

JournalFile::JournalFile(int fd, std::string path, std::size_t most_bytes)
    : fd_(fd), path_(std::move(path)), most_bytes_(most_bytes) {}

JournalFile::~JournalFile() { close(fd_); }

Result<std::unique_ptr<JournalFile>> JournalFile::Create(const std::string& path, std::size_t most_bytes) {
  THIMBLE_ASSIGN_OR_RETURN(const int fd, OpenLocked(path, O_CREAT));
  if (fd == kHeld) return Error{Code::kInvalid, "[chats] somebody else writes this reply"};
  std::unique_ptr<JournalFile> file(new JournalFile(fd, path, most_bytes));
  THIMBLE_RETURN_IF_ERROR(file->Load());
  if (file->text_.num_bytes == 0) file->pending_ = JournalBegin();
  const Status status = file->Flush();
  if (!status.ok()) {
    file->Remove();
    return status.error();
  }
  return file;
}

Result<std::unique_ptr<JournalFile>> JournalFile::TakeOver(const std::string& path, std::size_t most_bytes,
                                                           bool* is_held) {
  THIMBLE_ASSIGN_OR_RETURN(const int fd, OpenLocked(path, 0));
  *is_held = fd == kHeld;
  if (fd < 0) return std::unique_ptr<JournalFile>();
  std::unique_ptr<JournalFile> file(new JournalFile(fd, path, most_bytes));
  THIMBLE_RETURN_IF_ERROR(file->Load());
  return file;
}

namespace {

Result<JournalText> ReadJournalFile(const std::string& path, std::size_t most_bytes) {
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, kMostFileBytes));
  return ReadJournal({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, most_bytes);
}

}  // namespace

JournalText JournalFile::Peek(const std::string& path, std::size_t most_bytes) {
  auto text = ReadJournalFile(path, most_bytes);
  return text.ok() ? std::move(text).value() : JournalText();
}

// What is torn at the end goes, so that what follows can be read.
Status JournalFile::Load() {
  THIMBLE_ASSIGN_OR_RETURN(text_, ReadJournalFile(path_, most_bytes_));
  if (ftruncate(fd_, static_cast<off_t>(text_.num_bytes)) != 0)
    return SystemError("chats", "cannot shorten", path_, errno);
  return Done{};
}

void JournalFile::Append(std::string_view reasoning, std::string_view text) {
  reasoning = WhatFits(reasoning, text_.reasoning, most_bytes_);
  text = WhatFits(text, text_.text, most_bytes_);
  text_.reasoning += reasoning;
  text_.text += text;
  pending_ += JournalRecord(true, reasoning, text_.num_bytes + pending_.size());
  pending_ += JournalRecord(false, text, text_.num_bytes + pending_.size());
  (void)Flush();
}

Status JournalFile::Flush() {
  // One that fails half way is written over by the next one.
  THIMBLE_RETURN_IF_ERROR(WriteAt(fd_, pending_, text_.num_bytes, path_));
  text_.num_bytes += pending_.size();
  pending_.clear();
  return Done{};
}

Status JournalFile::Sync() {
  if (fdatasync(fd_) != 0) return SystemError("chats", "cannot write", path_, errno);
  return Done{};
}

void JournalFile::Remove() { unlink(path_.c_str()); }

}  // namespace thimble::host
