// SPDX-License-Identifier: Apache-2.0
#include "server/open_sockets.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace thimble::server
