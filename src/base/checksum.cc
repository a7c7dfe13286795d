// SPDX-License-Identifier: Apache-2.0
// Four lanes of multiply, add, rotate, multiply. With odd factors each step can be undone, so one word that differs
// leaves its lane different to the end. The first multiplication spreads a word before it meets the lane: with one
// alone, a word's highest bit would stay a single bit, which one bit of the lane's next word could take back. Four
// lanes because a multiplication takes three to four cycles and one starts every cycle.
#include "base/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace thimble {

namespace {

// Odd, and irregular: fractions of the golden ratio and of the square root of 3.
constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15ULL;
constexpr std::uint64_t kWordFactor = 0xBB67AE8584CAA73BULL;
constexpr std::size_t kLanes = 4;
constexpr std::size_t kStride = kLanes * sizeof(std::uint64_t);

std::uint64_t Step(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * kWordFactor, 29) * kFactor;
}

}  // namespace

std::uint64_t Checksum(std::span<const std::byte> bytes, std::uint64_t seed) {
  std::array<std::uint64_t, kLanes> lanes{seed, seed + 1, seed + 2, seed + 3};
  const auto absorb = [&lanes](const std::byte* from) {
    std::array<std::uint64_t, kLanes> words;
    std::memcpy(words.data(), from, kStride);
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = Step(lanes[lane], words[lane]);
  };
  std::size_t at = 0;
  for (; bytes.size() - at >= kStride; at += kStride) absorb(bytes.data() + at);
  if (at < bytes.size()) {
    std::array<std::byte, kStride> rest{};
    std::memcpy(rest.data(), bytes.data() + at, bytes.size() - at);
    absorb(rest.data());
  }
  // The length tells zeros at the end from padding.
  std::uint64_t sum = Step(seed, bytes.size());
  for (const std::uint64_t lane : lanes) sum = Step(sum, lane);
  // Spreads the last lanes' high bits over the whole word.
  sum ^= sum >> 32;
  sum *= kFactor;
  return sum ^ (sum >> 29);
}

}  // namespace thimble
