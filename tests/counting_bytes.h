// SPDX-License-Identifier: Apache-2.0
// Bytes that differ from their neighbours, for tests of sums over bytes.
#pragma once

#include <cstddef>
#include <vector>

namespace thimble::testing {

inline std::vector<std::byte> CountingBytes(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + (i >> 8));
  return bytes;
}

}  // namespace thimble::testing
