// SPDX-License-Identifier: Apache-2.0
#include "host/chat_folder.h"

#include "base/text.h"
#include "host/atomic_file.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace thimble::host {

namespace {

constexpr std::string_view kBackupBegin = "chats-";
constexpr std::string_view kBackupEnd = ".sqlite";

}  // namespace

std::string ChatFolder::Picture(const std::string& sha256) const {
  return Cat(Pictures(), "/", sha256.substr(0, 2), "/", sha256);
}

Status ChatFolder::Make() const {
  for (const std::string& folder : {path, Pictures(), Running(), OpenMarks(), Backups()}) {
    if (!MakeFolders(folder)) return SystemError("chats", "cannot make the folder", folder, errno);
  }
  // Somebody may have made it before us, for all.
  if (chmod(path.c_str(), 0700) != 0) return SystemError("chats", "cannot close to others", path, errno);
  return Done{};
}

std::vector<std::string> ChatFolder::BackupNames() const {
  auto names = NamesInFolder(Backups());
  if (!names.ok()) return {};
  std::erase_if(names.value(),
                [](const std::string& name) { return !name.starts_with(kBackupBegin) || !name.ends_with(kBackupEnd); });
  return std::move(names).value();
}

std::vector<std::string> ChatFolder::OldDatabases() const {
  auto names = NamesInFolder(path);
  if (!names.ok()) return {};
  std::erase_if(names.value(), [](const std::string& name) { return !name.starts_with("chats.sqlite.v"); });
  for (std::string& name : names.value()) name = Cat(path, "/", name);
  return std::move(names).value();
}

std::string ChatFolder::AboutBackups() const {
  const std::vector<std::string> names = BackupNames();
  if (names.empty()) return "; there is no backup of it yet";
  return Cat("; the newest backup is backups/", names.back(),
             ", beside it: end every Thimble, move chats.sqlite and what begins with its name elsewhere, and copy the "
             "backup into its place");
}

std::int64_t BytesOf(const std::string& path) {
  struct stat facts{};
  return stat(path.c_str(), &facts) == 0 ? static_cast<std::int64_t>(facts.st_size) : 0;
}

Status MakePrivateFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return SystemError("chats", "cannot open", path, errno);
  struct stat facts{};
  int error = fstat(fd, &facts) == 0 ? 0 : errno;
  if (error == 0 && (facts.st_mode & 077) != 0 && fchmod(fd, 0600) != 0) error = errno;
  close(fd);
  if (error != 0) return SystemError("chats", "cannot close to others", path, error);
  return Done{};
}

Status WritePrivateFile(const std::string& path, std::string_view bytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError("chats", "cannot create", path, errno);
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t count = write(fd, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0) return Done{};
  unlink(path.c_str());
  return SystemError("chats", "cannot write", path, error);
}

FileLock::FileLock(const std::string& path, double seconds) {
  constexpr double kStep = 0.02;
  for (;; seconds -= kStep) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    is_refused_ = flock(fd, LOCK_EX | LOCK_NB) != 0;
    struct stat held{};
    struct stat named{};
    // Whoever held it may have removed it between our opening and our lock.
    const bool is_there = fstat(fd, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
    if (!is_refused_ && is_there) {
      fd_ = fd;
      return;
    }
    close(fd);
    if (seconds <= 0) return;
    const timespec pause{0, static_cast<long>(kStep * 1e9)};
    nanosleep(&pause, nullptr);
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace thimble::host
