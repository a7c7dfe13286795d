// SPDX-License-Identifier: Apache-2.0
#include "server/private_file.h"

#include "base/text.h"
#include "host/atomic_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace thimble::server {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

Status CheckOwner(const std::string& path, const struct stat& facts) {
  constexpr mode_t kOthers = 077;
  if (!S_ISREG(facts.st_mode)) return Error{Code::kInvalid, Cat("[private file] ", path, " is no ordinary file")};
  if (facts.st_uid != geteuid()) {
    return Error{Code::kInvalid, Cat("[private file] ", path, " belongs to another user (", facts.st_uid, ")")};
  }
  if ((facts.st_mode & kOthers) != 0) {
    return Error{Code::kInvalid,
                 Cat("[private file] others may read or change ", path, ": take that from them with 'chmod 600'")};
  }
  return Done{};
}

bool IsToken(std::string_view text) {
  constexpr std::size_t kDigits = 64;
  return text.size() == kDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::string> ReadTokenFile(const std::string& path) {
  constexpr std::size_t kMostBytes = 1024;
  THIMBLE_ASSIGN_OR_RETURN(std::string text, ReadPrivateFile(path, kMostBytes));
  if (text.ends_with('\n')) text.pop_back();
  if (!IsToken(text)) return Error{Code::kInvalid, Cat("[token] ", path, " holds no token: renew it with --new-token")};
  return text;
}

Result<std::string> DrawToken() {
  std::array<unsigned char, 32> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    return host::SystemError("token", "no random numbers from", "the system", errno);
  }
  std::string token;
  for (const unsigned char byte : bytes) {
    token.push_back("0123456789abcdef"[byte >> 4]);
    token.push_back("0123456789abcdef"[byte & 15]);
  }
  return token;
}

// Writes `text` beside `path` and gives it that name: over what is there, or (EEXIST) only where nothing is.
int Place(const std::string& path, std::string_view text, bool replace) {
  const std::string part = Cat(path, ".", getpid(), ".part");
  unlink(part.c_str());
  const Descriptor file(open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.fd() < 0) return errno;
  int error = write(file.fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
  if (error == 0 && fsync(file.fd()) != 0) error = errno;
  if (error == 0 && replace && std::rename(part.c_str(), path.c_str()) == 0) return 0;
  if (error == 0 && !replace && link(part.c_str(), path.c_str()) == 0) {
    unlink(part.c_str());
    return 0;
  }
  if (error == 0) error = errno;
  unlink(part.c_str());
  return error == 0 ? EIO : error;
}

}  // namespace

Result<std::string> ReadPrivateFile(const std::string& path, std::size_t most_bytes) {
  // O_NONBLOCK: a pipe in the file's place must not be waited for.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd() < 0) {
    const int error = errno;
    if (error == ENOENT) return Error{Code::kNotFound, Cat("[private file] ", path, " is not there")};
    return host::SystemError("private file", "cannot open", path, error);
  }
  struct stat facts{};
  if (fstat(file.fd(), &facts) != 0) return host::SystemError("private file", "cannot look at", path, errno);
  THIMBLE_RETURN_IF_ERROR(CheckOwner(path, facts));
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const ssize_t count = read(file.fd(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return host::SystemError("private file", "cannot read", path, errno);
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > most_bytes) {
      return Error{Code::kInvalid, Cat("[private file] ", path, " has at most ", most_bytes, " bytes, found more")};
    }
  }
}

Result<std::string> ReadToken(const std::string& home, bool renew) {
  const std::string path = home + "/token";
  if (!renew) {
    auto token = ReadTokenFile(path);
    if (token.ok() || token.error().code != Code::kNotFound) return token;
  }
  std::error_code error;
  if (!std::filesystem::is_directory(home, error)) {
    const std::filesystem::path parent = std::filesystem::path(home).parent_path();
    if (!parent.empty()) std::filesystem::create_directories(parent, error);
    if (mkdir(home.c_str(), 0700) != 0 && errno != EEXIST)
      return host::SystemError("token", "cannot make", home, errno);
  }
  THIMBLE_ASSIGN_OR_RETURN(const std::string token, DrawToken());
  const int failure = Place(path, token + "\n", renew);
  if (failure == EEXIST && !renew) return ReadTokenFile(path);  // somebody was faster
  if (failure != 0) return host::SystemError("token", "cannot write", path, failure);
  return token;
}

}  // namespace thimble::server
