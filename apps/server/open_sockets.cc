// SPDX-License-Identifier: Apache-2.0
#include "server/open_sockets.h"

#include "base/text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

namespace thimble::server {

namespace {

std::optional<std::uint32_t> HexNumber(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "0100007F:454D", with words of the address as this processor has them in memory.
std::optional<std::string> ReadAddress(std::string_view text) {
  constexpr std::size_t kWordDigits = 8;
  const std::size_t colon = text.find(':');
  if (colon != kWordDigits && colon != 4 * kWordDigits) return std::nullopt;
  const auto port = HexNumber(text.substr(colon + 1));
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i * kWordDigits < colon; ++i) {
    const auto word = HexNumber(text.substr(i * kWordDigits, kWordDigits));
    if (!word) return std::nullopt;
    words[i] = *word;
  }
  if (!port) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> name{};
  const bool is_v4 = colon == kWordDigits;
  if (inet_ntop(is_v4 ? AF_INET : AF_INET6, words.data(), name.data(), name.size()) == nullptr) return std::nullopt;
  return is_v4 ? Cat(name.data(), ":", *port) : Cat("[", name.data(), "]:", *port);
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return fields;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t\n"), line.size());
    fields.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

// What the system's list says of all sockets, by their numbers.
void AddListed(const char* path, std::map<std::string, OpenSocket>* listed) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    OpenSocket socket;
    std::string inode;
    if (ReadSocketLine(line, &socket, &inode)) listed->insert_or_assign(inode, socket);
  }
}

}  // namespace

bool ReadSocketLine(std::string_view line, OpenSocket* socket, std::string* inode) {
  constexpr std::size_t kLocal = 1;
  constexpr std::size_t kRemote = 2;
  constexpr std::size_t kState = 3;
  constexpr std::size_t kInode = 9;
  const auto fields = Fields(line);
  if (fields.size() <= kInode) return false;
  const auto local = ReadAddress(fields[kLocal]);
  const auto remote = ReadAddress(fields[kRemote]);
  if (!local || !remote) return false;
  constexpr std::string_view kEstablished = "01";
  constexpr std::string_view kListen = "0A";
  const bool is_listening = fields[kState] == kListen;
  socket->local = *local;
  socket->remote = is_listening ? "" : *remote;
  socket->state = is_listening ? "listening" : fields[kState] == kEstablished ? "connected" : "closing";
  *inode = fields[kInode];
  return true;
}

SocketOwner OwnerOfPeer(const std::string& ours, const std::string& theirs) {
  constexpr std::size_t kUser = 7;
  // A socket for both families has the address of the older one within its own.
  const auto plain = [](std::string address) {
    constexpr std::string_view kMapped = "[::ffff:";
    if (!address.starts_with(kMapped)) return address;
    address.erase(0, kMapped.size());
    address.erase(address.find(']'), 1);
    return address;
  };
  SocketOwner owner;
  for (const char* path : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      OpenSocket socket;
      std::string inode;
      if (!ReadSocketLine(line, &socket, &inode)) continue;
      owner.is_known = true;
      if (plain(socket.local) != theirs || plain(socket.remote) != ours) continue;
      const std::string_view user = Fields(line)[kUser];
      std::uint32_t number = 0;
      if (std::from_chars(user.data(), user.data() + user.size(), number).ec == std::errc()) owner.user = number;
    }
  }
  return owner;
}

std::vector<OpenSocket> OpenSockets() {
  std::map<std::string, OpenSocket> listed;
  AddListed("/proc/self/net/tcp", &listed);
  AddListed("/proc/self/net/tcp6", &listed);
  std::vector<OpenSocket> open;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    constexpr std::string_view kSocket = "socket:[";
    if (gone || !target.starts_with(kSocket)) continue;
    const auto found = listed.find(target.substr(kSocket.size(), target.size() - kSocket.size() - 1));
    open.push_back(found != listed.end() ? found->second : OpenSocket{"", "", "other"});
  }
  return open;
}

}  // namespace thimble::server
