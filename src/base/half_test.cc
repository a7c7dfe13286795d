// SPDX-License-Identifier: Apache-2.0
#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace thimble {
namespace {

// The definition of a half, in double: sign, 2^(exponent - 15), 1.fraction; below exponent 1 subnormal.
double F16Value(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

bool IsF16Nan(std::uint16_t half) { return (half & 0x7C00) == 0x7C00 && (half & 0x3FF) != 0; }

TEST(F16, EveryHalfHasItsValueAndComesBack) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = F16ToF32(half);
    if (IsF16Nan(half)) {
      ASSERT_TRUE(std::isnan(value));
      ASSERT_TRUE(IsF16Nan(F32ToF16(value)));
      continue;
    }
    if ((half & 0x7FFF) == 0x7C00) {
      ASSERT_EQ(std::fabs(value), std::numeric_limits<float>::infinity());
    } else {
      ASSERT_EQ(static_cast<double>(value), F16Value(half)) << bits;
    }
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0);
    ASSERT_EQ(F32ToF16(value), half) << bits;
  }
}

// Between two neighbouring halves: below the middle down, above it up, the middle itself to the even one.
TEST(F16, RoundsToNearestTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    // The neighbour of the largest half would be 2^16: from the middle on everything is infinite.
    const double high_value = high == 0x7C00 ? 0x1p16 : F16Value(high);
    const auto middle = static_cast<float>((F16Value(low) + high_value) / 2);
    const std::uint16_t even = (low & 1) == 0 ? low : high;
    ASSERT_EQ(F32ToF16(middle), even) << bits;
    ASSERT_EQ(F32ToF16(std::nextafter(middle, 0.0f)), low) << bits;
    ASSERT_EQ(F32ToF16(std::nextafter(middle, 1e9f)), high) << bits;
    ASSERT_EQ(F32ToF16(-middle), even | 0x8000) << bits;
  }
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::max()), 0x7C00);
  EXPECT_EQ(F32ToF16(-std::numeric_limits<float>::infinity()), 0xFC00);
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(F32ToF16(-0.0f), 0x8000);
  EXPECT_TRUE(IsF16Nan(F32ToF16(std::nanf(""))));
}

TEST(BF16, EveryValueComesBack) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = BF16ToF32(half);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(BF16ToF32(F32ToBF16(value))));
      continue;
    }
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), bits << 16);
    ASSERT_EQ(F32ToBF16(value), half);
  }
}

TEST(BF16, RoundsToNearestTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7F80; ++bits) {
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const auto low = static_cast<std::uint16_t>(bits);
    const std::uint32_t middle = (bits << 16) | 0x8000u;
    ASSERT_EQ(F32ToBF16(std::bit_cast<float>(middle)), (low & 1) == 0 ? low : high) << bits;
    ASSERT_EQ(F32ToBF16(std::bit_cast<float>(middle - 1)), low) << bits;
    ASSERT_EQ(F32ToBF16(std::bit_cast<float>(middle + 1)), high) << bits;
  }
  EXPECT_EQ(F32ToBF16(std::numeric_limits<float>::max()), 0x7F80);  // rounds up to infinity
  // A NaN whose upper bits are all zero must not become infinity.
  EXPECT_TRUE(std::isnan(BF16ToF32(F32ToBF16(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace thimble
