// SPDX-License-Identifier: Apache-2.0
#include "server/open_sockets.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <string>

namespace thimble::server {
namespace {

// The lists' words are the processor's own.
constexpr bool kIsLittle = std::endian::native == std::endian::little;

TEST(OpenSockets, LinesOfTheSystemsLists) {
  if (!kIsLittle) GTEST_SKIP();
  OpenSocket socket;
  std::string inode;
  ASSERT_TRUE(
      ReadSocketLine("   0: 0100007F:454D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
                     "123456 1 0000000000000000 100 0 0 10 0",
                     &socket, &inode));
  EXPECT_EQ(socket.local, "127.0.0.1:17741");
  EXPECT_EQ(socket.remote, "");
  EXPECT_EQ(socket.state, "listening");
  EXPECT_EQ(inode, "123456");
  ASSERT_TRUE(
      ReadSocketLine("   1: 00000000000000000000000001000000:454D 00000000000000000000000001000000:D431 01 "
                     "00000000:00000000 00:00000000 00000000 0 0 77 1 0000000000000000",
                     &socket, &inode));
  EXPECT_EQ(socket.local, "[::1]:17741");
  EXPECT_EQ(socket.remote, "[::1]:54321");
  EXPECT_EQ(socket.state, "connected");
  for (const char* line :
       {"", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "0: 0100007F 00000000:0000 0A a b c d e 1", "0: 0100007G:454D 00000000:0000 0A a b c d e 1",
        "0: 0100007F:454D 00000000:0000 0A"})
    EXPECT_FALSE(ReadSocketLine(line, &socket, &inode)) << line;
}

struct Pair {
  int listener = -1, client = -1, server = -1;
  std::string ours, theirs;
};

// A connection to 127.0.0.1, by a client of one family or of both.
Pair Connect(bool is_for_both) {
  Pair pair;
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(local);
  pair.listener = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(bind(pair.listener, reinterpret_cast<sockaddr*>(&local), size), 0);
  EXPECT_EQ(listen(pair.listener, 1), 0);
  EXPECT_EQ(getsockname(pair.listener, reinterpret_cast<sockaddr*>(&local), &size), 0);
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = local.sin_port;
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  mapped.sin6_addr.s6_addr[12] = 127;
  mapped.sin6_addr.s6_addr[15] = 1;
  pair.client = socket(is_for_both ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  const auto* aim = is_for_both ? reinterpret_cast<sockaddr*>(&mapped) : reinterpret_cast<sockaddr*>(&local);
  if (connect(pair.client, aim, is_for_both ? sizeof(mapped) : sizeof(local)) != 0) return pair;
  sockaddr_in peer{};
  size = sizeof(peer);
  pair.server = accept(pair.listener, reinterpret_cast<sockaddr*>(&peer), &size);
  pair.ours = "127.0.0.1:" + std::to_string(ntohs(local.sin_port));
  pair.theirs = "127.0.0.1:" + std::to_string(ntohs(peer.sin_port));
  return pair;
}

TEST(OpenSockets, TellWhoseTheOtherEndIs) {
  for (const bool is_for_both : {false, true}) {
    const Pair pair = Connect(is_for_both);
    if (pair.server >= 0) {  // else there is no IPv6 here
      const SocketOwner owner = OwnerOfPeer(pair.ours, pair.theirs);
      if (!owner.is_known) GTEST_SKIP() << "this system does not tell";
      ASSERT_TRUE(owner.user.has_value());
      EXPECT_EQ(*owner.user, geteuid());
      EXPECT_FALSE(OwnerOfPeer(pair.ours, "127.0.0.1:1").user.has_value());
      EXPECT_FALSE(OwnerOfPeer("127.0.0.1:1", pair.theirs).user.has_value());
    }
    for (const int fd : {pair.listener, pair.client, pair.server}) close(fd);
  }
}

}  // namespace
}  // namespace thimble::server
