// SPDX-License-Identifier: Apache-2.0
// A fast 64-bit checksum against accidents (a flipped bit, a torn write, a file cut short). It is no defence against
// somebody who wants two contents to look alike: base/sha256.h is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace thimble {

// The same on every processor and in every version of the program: files hold it. Any change confined to eight aligned
// bytes is always seen; others go unseen about once in 2^64. About 4 bytes a cycle.
std::uint64_t Checksum(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace thimble
