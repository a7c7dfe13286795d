// SPDX-License-Identifier: Apache-2.0
// Byte-pair merges: which two neighbouring tokens become one, and in what order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace thimble {

// Filled once by the loader, then only read.
class MergeTable {
 public:
  struct Merge {
    std::int32_t left = -1;  // -1: a free slot
    std::int32_t right = -1;
    std::int32_t result = -1;
    std::uint32_t rank = kNoRank;  // lower ranks merge first
  };
  static constexpr std::uint32_t kNoRank = std::numeric_limits<std::uint32_t>::max();

  MergeTable() = default;
  // Room for `num_merges` rules.
  explicit MergeTable(std::size_t num_merges);

  // A pair that is already there gets the new rank. No more than num_merges different pairs may be added.
  void Add(const Merge& merge);
  // A rule with kNoRank when the two do not merge.
  [[nodiscard]] const Merge& Find(std::int32_t left, std::int32_t right) const;

 private:
  [[nodiscard]] std::size_t SlotOf(std::int32_t left, std::int32_t right) const;

  std::vector<Merge> slots_ = std::vector<Merge>(1);  // open addressing, a power of two, at most half full
};

// Memory that one Encode call reuses from piece to piece.
struct MergeScratch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> previous;
  std::vector<std::int32_t> next;
  std::vector<std::uint32_t> ranks;
  std::vector<std::uint64_t> queue;
};

// Appends the tokens of one piece: its bytes as tokens, then as long as any two neighbours merge, the pair with the
// lowest rank does, the leftmost first. `byte_tokens`: the token of each byte; bytes with -1 are left out, as the
// reference does. `piece` has at most kMaxPieceBytes. Time is O(n log n).
inline constexpr std::size_t kMaxPieceBytes = std::size_t{1} << 30;
void MergePiece(const MergeTable& merges, const std::array<std::int32_t, 256>& byte_tokens, std::string_view piece,
                MergeScratch* scratch, std::vector<std::int32_t>* ids);

}  // namespace thimble
