// SPDX-License-Identifier: Apache-2.0
// The sockets that this process has open, as the system tells them: the proof that nothing is connected to the outside.
#pragma once

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

// A line of /proc/net/tcp or tcp6 as a socket; false: it is none. `inode` becomes the socket's number.
bool ReadSocketLine(std::string_view line, OpenSocket* socket, std::string* inode);

}  // namespace thimble::server
