// SPDX-License-Identifier: Apache-2.0
// TokenMask: which tokens of a vocabulary may be written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace thimble {

// A set of token ids from 0 to size() - 1, a bit each.
class TokenMask {
 public:
  // Allows none of `size` tokens.
  explicit TokenMask(std::size_t size) : size_(size), words_((size + kWordBits - 1) / kWordBits) {}
  // Allows the first `count` of `size` tokens.
  static TokenMask First(std::size_t count, std::size_t size) {
    TokenMask mask(size);
    for (std::size_t id = 0; id < count && id < size; ++id) mask.Allow(static_cast<std::int32_t>(id));
    return mask;
  }

  // Ids that are none of the vocabulary's are left alone.
  void Allow(std::int32_t id) {
    if (id < 0 || static_cast<std::size_t>(id) >= size_ || Allows(id)) return;
    const auto index = static_cast<std::size_t>(id);
    words_[index / kWordBits] |= std::uint64_t{1} << index % kWordBits;
    ++count_;
    if (index >= end_) end_ = index + 1;
  }
  // Allows the ids whose bits are set, 32 of them a word from the lowest bit on, and no others. Bits beyond size() are
  // left out.
  void Assign(std::span<const std::uint32_t> words) {
    count_ = end_ = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::uint64_t low = 2 * i < words.size() ? words[2 * i] : 0;
      const std::uint64_t high = 2 * i + 1 < words.size() ? words[2 * i + 1] : 0;
      std::uint64_t word = low | high << 32;
      if ((i + 1) * kWordBits > size_) word &= (std::uint64_t{1} << size_ % kWordBits) - 1;
      words_[i] = word;
      if (word == 0) continue;
      count_ += static_cast<std::size_t>(__builtin_popcountll(word));
      end_ = (i + 1) * kWordBits - static_cast<std::size_t>(__builtin_clzll(word));
    }
  }
  [[nodiscard]] bool Allows(std::int32_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= size_) return false;
    const auto index = static_cast<std::size_t>(id);
    return (words_[index / kWordBits] >> index % kWordBits & 1) != 0;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t count() const { return count_; }  // tokens allowed
  [[nodiscard]] std::size_t end() const { return end_; }      // one more than the highest id allowed
  // Whether a token below end() is forbidden.
  [[nodiscard]] bool has_holes() const { return count_ < end_; }

  // Minus infinity for the logits of tokens below end() that are forbidden. Those from end() on stay as they are: the
  // caller does not look at them.
  void FillHoles(std::span<float> logits) const {
    if (!has_holes()) return;
    for (std::size_t word = 0; word < words_.size() && word * kWordBits < end_; ++word) {
      std::uint64_t forbidden = ~words_[word];
      for (; forbidden != 0; forbidden &= forbidden - 1) {
        const std::size_t index = word * kWordBits + static_cast<std::size_t>(__builtin_ctzll(forbidden));
        if (index >= end_ || index >= logits.size()) return;
        logits[index] = -std::numeric_limits<float>::infinity();
      }
    }
  }

  // Appends the index of every group of `size` tokens (a divisor of 64) of which one is allowed at least.
  void ListGroups(std::size_t size, std::vector<std::int32_t>* out) const {
    const std::uint64_t group = size == kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << size) - 1;
    for (std::size_t word = 0; word < words_.size(); ++word) {
      for (std::size_t at = 0; words_[word] != 0 && at < kWordBits; at += size) {
        if ((words_[word] >> at & group) != 0)
          out->push_back(static_cast<std::int32_t>((word * kWordBits + at) / size));
      }
    }
  }

 private:
  static constexpr std::size_t kWordBits = 64;
  std::size_t size_;
  std::size_t count_ = 0;
  std::size_t end_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace thimble
