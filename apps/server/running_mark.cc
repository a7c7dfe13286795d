// SPDX-License-Identifier: Apache-2.0
#include "server/running_mark.h"

#include "base/text.h"
#include "host/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace thimble::server {

namespace {

std::string PathOf(const std::string& home, std::uint16_t port) { return Cat(home, "/serve-", port); }

class LockedFile : public RunningMark {
 public:
  LockedFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~LockedFile() override {
    unlink(path_.c_str());
    close(fd_);
  }

 private:
  std::string path_;
  int fd_;
};

}  // namespace

Result<std::unique_ptr<RunningMark>> RunningMark::Leave(const std::string& home, std::uint16_t port,
                                                        const std::string& url) {
  const std::string path = PathOf(home, port);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return host::SystemError("server", "cannot write", path, errno);
  const bool is_written = flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0 &&
                          write(fd, url.data(), url.size()) == static_cast<ssize_t>(url.size());
  if (is_written) return std::unique_ptr<RunningMark>(std::make_unique<LockedFile>(path, fd));
  Error error = host::SystemError("server", "cannot write", path, errno);
  close(fd);
  return error;
}

std::optional<std::string> RunningMark::Find(const std::string& home, std::uint16_t port) {
  const int fd = open(PathOf(home, port).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  struct stat facts{};
  const bool is_ours = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid();
  const bool is_held = is_ours && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  std::array<char, 256> text{};
  const ssize_t count = is_held ? read(fd, text.data(), text.size()) : 0;
  close(fd);
  if (count <= 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(count));
}

}  // namespace thimble::server
