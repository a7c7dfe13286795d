// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace thimble {
namespace {

using ::testing::HasSubstr;

// Sizes around the step to huge pages (2 MiB), where memory comes from elsewhere.
TEST(Buffer, IsZeroedAlignedAndWritable) {
  constexpr std::size_t kStep = std::size_t{2} << 20;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{63}, std::size_t{64}, kStep / 4 - 1, kStep / 4, kStep / 4 + 1, 3 * kStep / 4 + 5}) {
    auto created = Buffer<float>::Create(size);
    ASSERT_TRUE(created.ok());
    Buffer<float> buffer = std::move(created).value();
    ASSERT_EQ(buffer.size(), size);
    EXPECT_EQ(buffer.size_bytes(), size * sizeof(float));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_TRUE(std::all_of(buffer.span().begin(), buffer.span().end(), [](float value) { return value == 0; }));
    for (std::size_t index = 0; index < size; ++index) buffer[index] = static_cast<float>(index);
    EXPECT_EQ(buffer[size - 1], static_cast<float>(size - 1));
  }
}

TEST(Buffer, UnsetIsAlignedAndWritable) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{3} << 20}) {
    auto created = Buffer<std::byte>::CreateUnset(size);
    ASSERT_TRUE(created.ok());
    Buffer<std::byte> buffer = std::move(created).value();
    ASSERT_EQ(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
    std::fill(buffer.span().begin(), buffer.span().end(), std::byte{7});
    EXPECT_EQ(buffer[size - 1], std::byte{7});
  }
  EXPECT_FALSE(Buffer<std::byte>::CreateUnset(SIZE_MAX).ok());
}

TEST(Buffer, LargeOnesBeginOnAHugePage) {
#if !defined(__linux__)
  GTEST_SKIP();
#endif
  auto created = Buffer<std::byte>::Create(std::size_t{5} << 20);
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(created.value().data()) % (std::size_t{2} << 20), 0u);
}

TEST(Buffer, MovesWithItsMemory) {
  auto created = Buffer<int>::Create(10);
  ASSERT_TRUE(created.ok());
  Buffer<int> first = std::move(created).value();
  int* const place = first.data();
  first[3] = 7;
  Buffer<int> second = std::move(first);
  EXPECT_EQ(second.data(), place);
  EXPECT_EQ(second[3], 7);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): an empty buffer is what is promised
  EXPECT_EQ(first.data(), nullptr);
  Buffer<int> third = std::move(Buffer<int>::Create(4)).value();
  third = std::move(second);
  EXPECT_EQ(third.data(), place);
  EXPECT_EQ(third.size(), 10u);
}

TEST(Buffer, OfNothingIsEmpty) {
  auto created = Buffer<double>::Create(0);
  ASSERT_TRUE(created.ok());
  EXPECT_TRUE(created.value().empty());
  EXPECT_EQ(created.value().data(), nullptr);
}

TEST(Buffer, RefusesWhatNoMachineHas) {
  constexpr auto kHuge = static_cast<std::size_t>(std::uint64_t{1} << 60);
  if (kHuge != 0) {  // 32 bits cannot say such a size
    const auto huge = Buffer<std::byte>::Create(kHuge);
    ASSERT_FALSE(huge.ok());
    EXPECT_EQ(huge.error().code, Code::kExhausted);
    EXPECT_THAT(huge.error().message, HasSubstr("1152921504606846976 bytes wanted"));
  }
  // Sizes whose number of bytes does not fit a size_t, or wraps when rounded up.
  EXPECT_FALSE(Buffer<double>::Create(SIZE_MAX / 4).ok());
  EXPECT_FALSE(Buffer<double>::Create(SIZE_MAX).ok());
  EXPECT_FALSE(Buffer<std::byte>::Create(SIZE_MAX).ok());
  if (kHuge != 0) {  // else 2 GiB, which may well be had
    EXPECT_FALSE(Buffer<std::byte>::Create(SIZE_MAX / 2).ok());
  }
}

}  // namespace
}  // namespace thimble
