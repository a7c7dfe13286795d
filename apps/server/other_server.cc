// SPDX-License-Identifier: Apache-2.0
#include "server/other_server.h"

#include "base/text.h"
#include "files/json.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <charconv>
#include <fstream>
#include <sstream>
#include <vector>

#include <unistd.h>

namespace thimble::server {

namespace {

// A socket that closes itself.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

// What the server at this port answers to `request`; empty where it does not within a second or two.
std::string AnswerTo(std::uint16_t port, const std::string& request) {
  const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{2, 0};
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (socket.fd() < 0 || connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return "";
  if (send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return "";
  constexpr std::size_t kMost = 1 << 20;
  std::string answer;
  char block[4096];
  while (answer.size() < kMost) {
    const ssize_t count = recv(socket.fd(), block, sizeof block, 0);
    if (count <= 0) break;
    answer.append(block, static_cast<std::size_t>(count));
  }
  return answer;
}

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string TextOf(const Json* json) { return json != nullptr && json->IsString() ? json->text() : ""; }

}  // namespace

// "  0: 0100007F:454D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 12345 ...": number, local address
// and port in hexadecimal digits, the other end's, the state (0A listens), queues, timers, retries, user.
bool ListensThere(const std::string& proc_net_tcp, std::uint16_t port, std::uint32_t uid) {
  std::istringstream lines(proc_net_tcp);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retries;
    std::uint32_t owner = 0;
    if (!(words >> number >> local >> remote >> state >> queues >> timer >> retries >> owner)) continue;
    const std::size_t colon = local.find(':');
    if (state != "0A" || colon == std::string::npos) continue;
    const std::string host = local.substr(0, colon);
    unsigned found = 0;
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), found, 16);
    if (found == port && owner == uid && (host == "0100007F" || host == "00000000")) return true;
  }
  return false;
}

std::optional<OtherServer> FindOtherServer(std::uint16_t port, const std::string& token) {
  if (!ListensThere(ReadAll("/proc/net/tcp"), port, getuid())) return std::nullopt;
  const std::string answer = AnswerTo(
      port, Cat("GET /thimble/v1/info HTTP/1.0\r\nHost: 127.0.0.1:", port, "\r\nX-Thimble-Token: ", token, "\r\n\r\n"));
  const std::size_t body = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || answer.find(" 200 ") > 12 || body == std::string::npos) return std::nullopt;
  const auto info = Json::Parse(std::string_view(answer).substr(body + 4), "info");
  if (!info.ok() || info.value().Find("model") == nullptr) return std::nullopt;
  OtherServer other;
  other.url = Cat("http://127.0.0.1:", port);
  other.model = TextOf(info.value().Find("model")->Find("name"));
  if (const Json* const pid = info.value().Find("pid"); pid != nullptr) other.pid = pid->AsInt().value_or(0);
  return other;
}

}  // namespace thimble::server
