// SPDX-License-Identifier: Apache-2.0
#include "host/atomic_file.h"

#include "base/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace thimble::host {

Error SystemError(std::string_view place, std::string_view what, const std::string& path, int error_number) {
  const bool is_full = error_number == ENOSPC || error_number == EDQUOT;
  return Error{is_full ? Code::kExhausted : Code::kSystem,
               Cat("[", place, "] ", what, " ", path, ": ", std::strerror(error_number))};
}

Status WriteFileAtomically(const std::string& path, std::string_view text) {
  // A link stays one: what it leads to is replaced.
  std::error_code no_target;
  const std::filesystem::path resolved = std::filesystem::canonical(path, no_target);
  const std::string target = no_target ? path : resolved.string();
  struct stat old{};
  const bool is_there = stat(target.c_str(), &old) == 0;
  if (is_there && !S_ISREG(old.st_mode)) {
    return Error{Code::kInvalid, Cat("[file] ", path, " is ", S_ISDIR(old.st_mode) ? "a folder" : "no ordinary file")};
  }
  const std::string part = Cat(target, ".", getpid(), ".part");
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return SystemError("file", "cannot create", path, errno);
  int error = is_there && fchmod(fd, old.st_mode & 07777) != 0 ? errno : 0;
  while (!text.empty() && error == 0) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(part.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return Done{};
  unlink(part.c_str());
  return SystemError("file", "cannot write", path, error);
}

}  // namespace thimble::host
