// SPDX-License-Identifier: Apache-2.0
#include "text/bpe.h"

#include "base/rng.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace thimble {
namespace {

// A random vocabulary over a, b, c: every merge joins two tokens that exist already. Ids are dealt in an order that has
// nothing to do with ranks, and a token may be the result of several merges.
struct RandomMerges {
  explicit RandomMerges(std::uint64_t seed) : table(kNumMerges) {
    byte_tokens.fill(-1);
    for (const char c : {'a', 'b', 'c'}) byte_tokens[static_cast<unsigned char>(c)] = IdOf(std::string(1, c));
    std::vector<std::string> known = {"a", "b", "c"};
    for (std::uint32_t rank = 0; rank < kNumMerges; ++rank) {
      const std::string left = known[RandomBits(seed, 2 * rank) % known.size()];
      const std::string right = known[RandomBits(seed, 2 * rank + 1) % known.size()];
      if (ranks.contains({left, right})) continue;
      ranks[{left, right}] = rank;
      table.Add({IdOf(left), IdOf(right), IdOf(left + right), rank});
      if (left.size() + right.size() <= 6) known.push_back(left + right);
    }
  }

  std::int32_t IdOf(const std::string& text) {
    const auto [entry, is_new] = ids.try_emplace(text, 1000 - static_cast<std::int32_t>(ids.size()) * 7);
    return entry->second;
  }

  // The definition, word for word: again and again the lowest rank, the leftmost first.
  std::vector<std::int32_t> Merge(const std::string& piece) {
    std::vector<std::string> tokens;
    for (const char c : piece) tokens.emplace_back(1, c);
    while (true) {
      std::size_t best = tokens.size();
      std::uint32_t best_rank = MergeTable::kNoRank;
      for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        const auto rule = ranks.find({tokens[i], tokens[i + 1]});
        if (rule != ranks.end() && rule->second < best_rank) {
          best = i;
          best_rank = rule->second;
        }
      }
      if (best == tokens.size()) break;
      tokens[best] += tokens[best + 1];
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    std::vector<std::int32_t> merged;
    for (const std::string& token : tokens) merged.push_back(IdOf(token));
    return merged;
  }

  static constexpr std::uint32_t kNumMerges = 40;
  std::map<std::string, std::int32_t> ids;
  std::map<std::pair<std::string, std::string>, std::uint32_t> ranks;
  MergeTable table;
  std::array<std::int32_t, 256> byte_tokens{};
};

TEST(MergePiece, FollowsTheDefinitionAtEveryLength) {
  MergeScratch scratch;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomMerges merges(seed);
    // 64 bytes is where the queue takes over.
    for (const std::size_t length : {1u, 2u, 3u, 7u, 20u, 63u, 64u, 65u, 66u, 150u, 400u}) {
      std::string piece;
      for (std::size_t i = 0; i < length; ++i)
        piece += static_cast<char>('a' + RandomBits(seed + 1000 * length, i) % 3);
      std::vector<std::int32_t> ids = {-7};
      MergePiece(merges.table, merges.byte_tokens, piece, &scratch, &ids);
      EXPECT_EQ(ids.front(), -7);
      ids.erase(ids.begin());
      EXPECT_EQ(ids, merges.Merge(piece)) << piece;
    }
  }
}

TEST(MergePiece, LeavesOutBytesWithoutToken) {
  RandomMerges merges(1);
  MergeScratch scratch;
  std::vector<std::int32_t> ids;
  MergePiece(merges.table, merges.byte_tokens, "xyz", &scratch, &ids);
  MergePiece(merges.table, merges.byte_tokens, std::string(100, 'x'), &scratch, &ids);
  MergePiece(merges.table, merges.byte_tokens, "", &scratch, &ids);
  EXPECT_TRUE(ids.empty());
  MergePiece(merges.table, merges.byte_tokens, "xcx", &scratch, &ids);
  EXPECT_EQ(ids, std::vector<std::int32_t>{merges.IdOf("c")});
}

TEST(MergeTable, LaterRulesForAPairReplaceEarlierOnes) {
  MergeTable table(2);
  table.Add({1, 2, 3, 0});
  table.Add({1, 2, 4, 1});
  EXPECT_EQ(table.Find(1, 2).result, 4);
  EXPECT_EQ(table.Find(1, 2).rank, 1u);
  EXPECT_EQ(table.Find(2, 1).rank, MergeTable::kNoRank);
  EXPECT_EQ(MergeTable().Find(1, 2).rank, MergeTable::kNoRank);
}

}  // namespace
}  // namespace thimble
