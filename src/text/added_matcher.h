// SPDX-License-Identifier: Apache-2.0
// AddedMatcher: finds added tokens such as "<|im_end|>" in raw text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

class AddedMatcher {
 public:
  struct Match {
    std::size_t position = 0;
    std::size_t num_bytes = 0;
    std::int32_t id = -1;  // -1: none is left
  };

  // `text` must not be empty. Call Finish() after the last one.
  void Add(std::string_view text, std::int32_t id);
  void Finish();

  // The leftmost added token from `from` on, the longest where several begin at the same place.
  [[nodiscard]] Match FindNext(std::string_view text, std::size_t from) const;
  // The id of the added token that is exactly `text`, -1 for none.
  [[nodiscard]] std::int32_t Find(std::string_view text) const;

 private:
  struct Entry {
    std::string text;
    std::int32_t id;
  };
  // Offset of the first byte from `from` on with which some added token begins.
  [[nodiscard]] std::size_t SkipTo(std::string_view text, std::size_t from) const;

  std::vector<Entry> entries_;                 // by first byte, then longest first
  std::array<std::uint32_t, 257> first_of_{};  // entries that begin with byte b: first_of_[b] to first_of_[b + 1]
  int only_first_byte_ = -1;                   // when all begin alike, as Qwen's do
};

}  // namespace thimble
