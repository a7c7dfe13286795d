// SPDX-License-Identifier: Apache-2.0
#include "sys/pages.h"

#include "base/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace thimble {
namespace {

TEST(Pages, SmallPagesStaySmall) {
  constexpr std::size_t kBytes = std::size_t{32} << 20;
  Buffer<std::byte> memory = std::move(Buffer<std::byte>::Create(kBytes)).value();
  const std::uint64_t before = HugePageBytes();
  const bool is_small = UseSmallPages(memory.data(), memory.size());
#if defined(__linux__) && !defined(__aarch64__)  // emulators of other processors take no advice
  EXPECT_TRUE(is_small);
#endif
  std::memset(memory.data(), 1, kBytes);
  if (is_small) {
    EXPECT_LT(HugePageBytes(), before + kBytes / 2);
  }
  EXPECT_EQ(memory[kBytes - 1], std::byte{1});
}

TEST(Pages, SmallBuffersAreNotTouched) {
  Buffer<std::byte> memory = std::move(Buffer<std::byte>::Create(100)).value();
  std::byte* inside = memory.data() + 32;  // never the begin of a page: buffers begin at multiples of 64
  EXPECT_FALSE(UseSmallPages(inside, 32));
}

}  // namespace
}  // namespace thimble
