// SPDX-License-Identifier: Apache-2.0
// The sockets that this process has open, as the system tells them: the proof that nothing is connected to the outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::server {

struct OpenSocket {
  std::string local;   // "127.0.0.1:17741"
  std::string remote;  // empty: none
  std::string state;   // "listening", "connected", "closing"; "other": no TCP socket
};

// Empty also where the system does not say (it is no Linux).
std::vector<OpenSocket> OpenSockets();

// Whose the other end of a connection within this machine is: the user's number, for "127.0.0.1:17741" of our end and
// "127.0.0.1:54321" of the other one.
struct SocketOwner {
  bool is_known = false;              // false: the system does not tell of sockets at all
  std::optional<std::uint32_t> user;  // nullopt: it knows of no such socket
};
SocketOwner OwnerOfPeer(const std::string& ours, const std::string& theirs);

// A line of /proc/net/tcp or tcp6 as a socket; false: it is none. `inode` becomes the socket's number.
bool ReadSocketLine(std::string_view line, OpenSocket* socket, std::string* inode);

}  // namespace thimble::server
