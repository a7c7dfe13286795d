// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include "counting_bytes.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace thimble {
namespace {

using testing::CountingBytes;

TEST(Checksum, SeesEveryFlippedBit) {
  for (const std::size_t size : {1u, 31u, 32u, 33u, 100u}) {
    std::vector<std::byte> bytes = CountingBytes(size);
    std::set<std::uint64_t> seen{Checksum(bytes)};
    for (std::size_t bit = 0; bit < size * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      EXPECT_TRUE(seen.insert(Checksum(bytes)).second) << "bit " << bit << " of " << size << " bytes";
      bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
  }
}

TEST(Checksum, SeesTwoFlippedBits) {
  std::vector<std::byte> bytes = CountingBytes(96);
  std::set<std::uint64_t> seen{Checksum(bytes)};
  const auto flip = [&bytes](std::size_t bit) { bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8)); };
  for (std::size_t first = 0; first < bytes.size() * 8; ++first) {
    flip(first);
    for (std::size_t second = 0; second < first; ++second) {
      flip(second);
      EXPECT_TRUE(seen.insert(Checksum(bytes)).second) << "bits " << first << " and " << second;
      flip(second);
    }
    flip(first);
  }
}

TEST(Checksum, SeesLengthOrderAndSeed) {
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size <= 130; ++size) {
    EXPECT_TRUE(seen.insert(Checksum(std::vector<std::byte>(size))).second) << size << " zeros";
  }
  std::vector<std::byte> bytes = CountingBytes(96);
  const std::uint64_t before = Checksum(bytes);
  for (std::size_t i = 0; i < 32; ++i) std::swap(bytes[i], bytes[i + 32]);
  EXPECT_NE(Checksum(bytes), before);
  EXPECT_NE(Checksum(bytes, 1), Checksum(bytes, 2));
}

// Files hold these sums: another value here means that every file written before is taken for damaged.
TEST(Checksum, StaysTheSame) {
  EXPECT_EQ(Checksum({}), 0x04FE8F1FE91AB9A0ULL);
  EXPECT_EQ(Checksum(CountingBytes(1000)), 0x808F048B0BA7E6E7ULL);
  EXPECT_EQ(Checksum(CountingBytes(1000), 42), 0x5E7406BC1269A511ULL);
}

}  // namespace
}  // namespace thimble
