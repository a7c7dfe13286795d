// SPDX-License-Identifier: Apache-2.0
// Another server of the same user's that has the port already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace thimble::server {

struct OtherServer {
  std::string url;
  std::string model;
  std::int64_t pid = 0;
};

// Who listens on this port of 127.0.0.1, if it is a server of this program and of this user, which takes the same
// token. The token is shown only to a listener that belongs to this user.
std::optional<OtherServer> FindOtherServer(std::uint16_t port, const std::string& token);

// Whether one of the lines of /proc/net/tcp says that `uid` listens on `port` of the loopback address or of all.
bool ListensThere(const std::string& proc_net_tcp, std::uint16_t port, std::uint32_t uid);

}  // namespace thimble::server
