// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) of a stream of bytes: names files and chat templates by their content.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace thimble {

class Sha256 {
 public:
  void Add(std::span<const std::byte> bytes);
  // 64 hexadecimal digits; nothing may be added afterwards.
  [[nodiscard]] std::string Finish();

 private:
  void Compress(const std::byte* block);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> held_{};
  std::size_t num_held_ = 0;
  std::uint64_t num_bytes_ = 0;
};

std::string Sha256Of(std::string_view text);

}  // namespace thimble
