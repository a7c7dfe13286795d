// SPDX-License-Identifier: Apache-2.0
#include "text/bpe.h"

#include "base/check.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace thimble {
namespace {

// Below this length looking at every pair beats a queue; almost all pieces are much shorter.
constexpr std::size_t kShortPiece = 64;

// Merges in place in small arrays; returns the number of tokens left.
std::size_t MergeShort(const MergeTable& merges, std::array<std::int32_t, kShortPiece>* tokens, std::size_t count) {
  std::array<const MergeTable::Merge*, kShortPiece> rules;
  std::array<std::uint32_t, kShortPiece> ranks;  // of the pair that begins at each token
  const auto look_up = [&](std::size_t left) {
    rules[left] = &merges.Find((*tokens)[left], (*tokens)[left + 1]);
    ranks[left] = rules[left]->rank;
  };
  for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (ranks[i] < ranks[best]) best = i;
    }
    if (ranks[best] == MergeTable::kNoRank) break;
    (*tokens)[best] = rules[best]->result;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      (*tokens)[i] = (*tokens)[i + 1];
      rules[i] = rules[i + 1];
      ranks[i] = ranks[i + 1];
    }
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  return count;
}

// A linked list of tokens and a queue of pairs, for pieces of any length.
class LongPiece {
 public:
  LongPiece(const MergeTable& merges, MergeScratch* scratch) : merges_(merges), s_(*scratch) {
    const auto count = static_cast<std::int32_t>(s_.tokens.size());
    s_.previous.resize(s_.tokens.size());
    s_.next.resize(s_.tokens.size());
    s_.ranks.assign(s_.tokens.size(), MergeTable::kNoRank);
    s_.queue.clear();
    for (std::int32_t i = 0; i < count; ++i) {
      s_.previous[At(i)] = i - 1;
      s_.next[At(i)] = i + 1 < count ? i + 1 : -1;
    }
    for (std::int32_t i = 0; i < count; ++i) {
      if (LookUp(i)) s_.queue.push_back(Entry(i));
    }
    std::make_heap(s_.queue.begin(), s_.queue.end(), std::greater<>());
  }

  void Merge(std::vector<std::int32_t>* ids) {
    while (!s_.queue.empty()) {
      std::pop_heap(s_.queue.begin(), s_.queue.end(), std::greater<>());
      const std::uint64_t entry = s_.queue.back();
      s_.queue.pop_back();
      const auto left = static_cast<std::int32_t>(entry & 0xFFFFFFFFu);
      // An entry is out of date when the pair at its place has changed; each pair has a rank of its own.
      if (s_.ranks[At(left)] == entry >> 32) MergeAt(left);
    }
    for (std::int32_t i = s_.tokens.empty() ? -1 : 0; i >= 0; i = s_.next[At(i)]) ids->push_back(s_.tokens[At(i)]);
  }

 private:
  static std::size_t At(std::int32_t index) { return static_cast<std::size_t>(index); }
  [[nodiscard]] std::uint64_t Entry(std::int32_t left) const {
    return std::uint64_t{s_.ranks[At(left)]} << 32 | static_cast<std::uint32_t>(left);
  }

  // Finds the rank of the pair that begins at `left`; false when there is no such pair or it does not merge.
  bool LookUp(std::int32_t left) {
    const std::int32_t right = s_.next[At(left)];
    s_.ranks[At(left)] = right < 0 ? MergeTable::kNoRank : merges_.Find(s_.tokens[At(left)], s_.tokens[At(right)]).rank;
    return s_.ranks[At(left)] != MergeTable::kNoRank;
  }
  void LookUpAndQueue(std::int32_t left) {
    if (!LookUp(left)) return;
    s_.queue.push_back(Entry(left));
    std::push_heap(s_.queue.begin(), s_.queue.end(), std::greater<>());
  }

  void MergeAt(std::int32_t left) {
    const std::int32_t right = s_.next[At(left)];
    s_.tokens[At(left)] = merges_.Find(s_.tokens[At(left)], s_.tokens[At(right)]).result;
    s_.ranks[At(right)] = MergeTable::kNoRank;
    const std::int32_t after = s_.next[At(right)];
    s_.next[At(left)] = after;
    if (after >= 0) s_.previous[At(after)] = left;
    LookUpAndQueue(left);
    if (s_.previous[At(left)] >= 0) LookUpAndQueue(s_.previous[At(left)]);
  }

  const MergeTable& merges_;
  MergeScratch& s_;
};

}  // namespace

MergeTable::MergeTable(std::size_t num_merges) : slots_(std::bit_ceil(num_merges * 2 + 1)) {}

std::size_t MergeTable::SlotOf(std::int32_t left, std::int32_t right) const {
  const std::uint64_t key = std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  const std::uint64_t hash = (key ^ key >> 29) * 0x9E3779B97F4A7C15ull;
  std::size_t slot = (hash >> 32) & (slots_.size() - 1);
  while (slots_[slot].left >= 0 && (slots_[slot].left != left || slots_[slot].right != right)) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void MergeTable::Add(const Merge& merge) { slots_[SlotOf(merge.left, merge.right)] = merge; }

const MergeTable::Merge& MergeTable::Find(std::int32_t left, std::int32_t right) const {
  return slots_[SlotOf(left, right)];
}

void MergePiece(const MergeTable& merges, const std::array<std::int32_t, 256>& byte_tokens, std::string_view piece,
                MergeScratch* scratch, std::vector<std::int32_t>* ids) {
  THIMBLE_CHECK(piece.size() <= kMaxPieceBytes);
  if (piece.size() <= kShortPiece) {
    std::array<std::int32_t, kShortPiece> tokens;
    std::size_t count = 0;
    for (const char c : piece) {
      const std::int32_t token = byte_tokens[static_cast<unsigned char>(c)];
      if (token >= 0) tokens[count++] = token;
    }
    count = MergeShort(merges, &tokens, count);
    ids->insert(ids->end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
    return;
  }
  scratch->tokens.clear();
  for (const char c : piece) {
    const std::int32_t token = byte_tokens[static_cast<unsigned char>(c)];
    if (token >= 0) scratch->tokens.push_back(token);
  }
  LongPiece(merges, scratch).Merge(ids);
}

}  // namespace thimble
