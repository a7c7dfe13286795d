// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "sys/file_error.h"
#include "sys/folder.h"
#include "sys/replacement_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace thimble {

namespace {

constexpr std::uint64_t kLeastFreeBytes = std::uint64_t{1} << 30;
// Long writes cannot be interrupted; this is a few milliseconds' worth.
constexpr std::size_t kMostBytesAtOnce = std::size_t{16} << 20;

Error Refusal(const std::string& path, std::string_view action, int error_number) {
  Error error = FileError(path, action, std::error_code(error_number, std::generic_category()));
  if (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG) error.code = Code::kExhausted;
  return error;
}

class PartFile : public ReplacementFile {
 public:
  PartFile(int descriptor, std::string path, std::string part)
      : descriptor_(descriptor), path_(std::move(path)), part_(std::move(part)) {}
  ~PartFile() override {
    // Removed before the lock goes with the descriptor: nobody else's file can be under this name yet.
    if (!is_committed_) unlink(part_.c_str());
    close(descriptor_);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  Status Append(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = write(descriptor_, bytes.data(), std::min(bytes.size(), kMostBytesAtOnce));
      if (count >= 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(count));
      } else if (errno != EINTR) {
        return Refusal(part_, "write it", errno);
      }
    }
    return Done{};
  }

  Status Commit() override {
    if (fsync(descriptor_) != 0) return Refusal(part_, "write it", errno);
    if (std::rename(part_.c_str(), path_.c_str()) != 0) return Refusal(path_, "put it in place", errno);
    is_committed_ = true;
    return Done{};
  }

 private:
  int descriptor_;
  std::string path_;
  std::string part_;
  bool is_committed_ = false;
};

Status CheckRoom(const std::string& path, std::uint64_t size_bytes) {
  struct statvfs disk = {};
  const std::string folder = FolderOf(path);
  if (statvfs(folder.c_str(), &disk) != 0) return Refusal(folder, "ask for its free space", errno);
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t margin = std::max(kLeastFreeBytes, std::uint64_t{disk.f_blocks} * disk.f_frsize / 10);
  if (free_bytes < margin || free_bytes - margin < size_bytes) {
    return Error{Code::kExhausted,
                 Cat(EscapeControls(path), ": [file] ", FormatBytes(size_bytes), " would leave less than ",
                     FormatBytes(margin), " of the disk free (", FormatBytes(free_bytes), " now)")};
  }
  // Beyond this limit the system would end the process by a signal.
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size_bytes) {
    return Error{Code::kExhausted, Cat(EscapeControls(path), ": [file] this process may write files of ",
                                       FormatBytes(limit.rlim_cur), ", not ", FormatBytes(size_bytes))};
  }
  return Done{};
}

}  // namespace

Result<std::unique_ptr<ReplacementFile>> ReplacementFile::Begin(const std::string& path, std::uint64_t size_bytes) {
  const std::string part = path + ".part";
  THIMBLE_RETURN_IF_ERROR(CheckRoom(path, size_bytes));
  // A link in its place is not followed, a pipe not waited for.
  const int descriptor = open(part.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  if (descriptor < 0) return Refusal(part, "create it", errno);
  struct stat held = {};
  struct stat named = {};
  // Ours alone, locked, and still what the name leads to: the writer before may have renamed it between open and lock.
  const bool is_ours = fstat(descriptor, &held) == 0 && S_ISREG(held.st_mode) && held.st_uid == geteuid() &&
                       held.st_nlink == 1 && flock(descriptor, LOCK_EX | LOCK_NB) == 0 &&
                       lstat(part.c_str(), &named) == 0 && named.st_dev == held.st_dev && named.st_ino == held.st_ino;
  if (!is_ours) {
    close(descriptor);
    return Error{Code::kSystem, Cat(EscapeControls(part), ": [file] somebody else is writing it")};
  }
  auto file = std::make_unique<PartFile>(descriptor, path, part);
  if (ftruncate(descriptor, 0) != 0) return Refusal(part, "empty it", errno);
  return std::unique_ptr<ReplacementFile>(std::move(file));
}

}  // namespace thimble
