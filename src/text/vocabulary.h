// SPDX-License-Identifier: Apache-2.0
// Vocabulary: the bytes of every token, and from bytes back to the token. Filled once by the loader, then only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

class Vocabulary {
 public:
  Vocabulary() = default;
  // Room for ids below `num_ids`, none of which has bytes yet.
  explicit Vocabulary(int num_ids);

  // Gives `id`, which must be below num_ids(), its bytes. All tokens together may have 4 GiB.
  void Set(std::int32_t id, std::string_view bytes);
  // Makes the token findable by its bytes, unless another with the same bytes already is.
  void Index(std::int32_t id);

  [[nodiscard]] int num_ids() const { return static_cast<int>(spans_.size()); }
  [[nodiscard]] std::size_t longest_bytes() const { return longest_bytes_; }
  // Empty for ids without bytes and ids out of range.
  [[nodiscard]] std::string_view Bytes(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= spans_.size()) return {};
    const Span& span = spans_[static_cast<std::size_t>(id)];
    return std::string_view(bytes_).substr(span.offset, span.size);
  }
  // The indexed token with these bytes, -1 when there is none.
  [[nodiscard]] std::int32_t Find(std::string_view bytes) const;

 private:
  struct Span {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
  };
  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash, so that most misses never touch the bytes
    std::int32_t id = -1;   // -1: free
  };

  std::string bytes_;
  std::vector<Span> spans_;
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  std::size_t longest_bytes_ = 0;
};

// The alphabet in which vocabularies are written: each byte is a printable character, a space is U+0120. Appends the
// bytes of `text`; false, with nothing appended, when a character is not of the alphabet.
bool AppendFromByteAlphabet(std::string_view text, std::string* bytes);

}  // namespace thimble
