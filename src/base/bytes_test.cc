// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace thimble {
namespace {

using ::testing::HasSubstr;

constexpr std::array<std::byte, 7> kBytes = {std::byte{0x01}, std::byte{0x02}, std::byte{0x03}, std::byte{0x04},
                                             std::byte{'a'},  std::byte{'b'},  std::byte{0xFF}};

TEST(ByteReader, ReadsLittleEndianInOrder) {
  ByteReader reader(kBytes, "test");
  EXPECT_EQ(reader.remaining(), 7u);
  EXPECT_EQ(reader.Read<std::uint32_t>().value(), 0x04030201u);
  EXPECT_EQ(reader.position(), 4u);
  EXPECT_EQ(reader.ReadChars(2).value(), "ab");
  EXPECT_EQ(reader.Read<std::int8_t>().value(), -1);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.ReadBytes(0).ok());
}

TEST(ByteReader, ViewsPointIntoTheBytes) {
  ByteReader reader(kBytes, "test");
  ASSERT_TRUE(reader.ReadBytes(4).ok());
  EXPECT_EQ(reader.ReadBytes(2).value().data(), kBytes.data() + 4);
}

TEST(ByteReader, RefusesToReadPastTheEndAndStaysWhereItIs) {
  ByteReader reader(kBytes, "test");
  ASSERT_TRUE(reader.ReadBytes(5).ok());
  const auto number = reader.Read<std::uint32_t>();
  ASSERT_FALSE(number.ok());
  EXPECT_EQ(number.error().code, Code::kCorrupt);
  EXPECT_THAT(number.error().message, HasSubstr("[test] 4 bytes wanted at offset 5, 2 left"));
  // A length that would wrap around when added to the position.
  EXPECT_FALSE(reader.ReadBytes(UINT64_MAX).ok());
  EXPECT_FALSE(reader.ReadChars(UINT64_MAX - 4).ok());
  EXPECT_EQ(reader.position(), 5u);
  EXPECT_TRUE(reader.Read<std::uint16_t>().ok());
}

TEST(ByteReader, AnEmptySpanHasNothing) {
  ByteReader reader({}, "test");
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_FALSE(reader.Read<std::uint8_t>().ok());
}

}  // namespace
}  // namespace thimble
