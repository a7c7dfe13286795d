// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: (seed, step) -> number, so a run can be replayed from any step.
#pragma once

#include <cstdint>

namespace thimble {

// SplitMix64's mixing function (Steele, Lea, Flood 2014) over two mixed words.
inline std::uint64_t RandomBits(std::uint64_t seed, std::uint64_t step) {
  const auto mix = [](std::uint64_t z) {
    z += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  };
  return mix(mix(seed) ^ step);
}

// Uniform in [0, 1), 53 random bits.
inline double RandomUniform(std::uint64_t seed, std::uint64_t step) {
  return static_cast<double>(RandomBits(seed, step) >> 11) * 0x1p-53;
}

}  // namespace thimble
