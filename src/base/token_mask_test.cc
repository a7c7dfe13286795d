// SPDX-License-Identifier: Apache-2.0
#include "base/token_mask.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace thimble {
namespace {

TEST(TokenMask, KnowsWhatWasAllowed) {
  TokenMask mask(200);
  EXPECT_EQ(mask.count(), 0U);
  EXPECT_EQ(mask.end(), 0U);
  for (const std::int32_t id : {3, 64, 3, 130, -1, 200, 1 << 30}) mask.Allow(id);
  EXPECT_EQ(mask.count(), 3U);
  EXPECT_EQ(mask.end(), 131U);
  EXPECT_TRUE(mask.has_holes());
  for (std::int32_t id = -2; id < 202; ++id) EXPECT_EQ(mask.Allows(id), id == 3 || id == 64 || id == 130) << id;
  EXPECT_FALSE(TokenMask::First(70, 100).has_holes());
  EXPECT_EQ(TokenMask::First(70, 100).end(), 70U);
  EXPECT_EQ(TokenMask::First(170, 100).end(), 100U);
}

TEST(TokenMask, TakesWords) {
  for (const std::size_t size : {1, 31, 32, 33, 64, 65, 200}) {
    TokenMask mask(size);
    mask.Allow(0);
    const std::vector<std::uint32_t> words = {0x80000001U, 0x3U, 0U, 0xFFFFFFFFU};
    mask.Assign(words);
    TokenMask expected(size);
    for (std::int32_t id = 0; id < 128; ++id) {
      if ((words[static_cast<std::size_t>(id) / 32] >> id % 32 & 1) != 0) expected.Allow(id);
    }
    EXPECT_EQ(mask.count(), expected.count()) << size;
    EXPECT_EQ(mask.end(), expected.end()) << size;
    for (std::int32_t id = 0; id < 200; ++id) EXPECT_EQ(mask.Allows(id), expected.Allows(id)) << size << ", " << id;
    mask.Assign({});
    EXPECT_EQ(mask.count(), 0U);
    EXPECT_EQ(mask.end(), 0U);
  }
}

TEST(TokenMask, FillsHolesAndNothingElse) {
  std::mt19937 random(3);
  for (const std::size_t size : {1, 63, 64, 65, 257}) {
    TokenMask mask(size);
    for (std::size_t id = 0; id < size; ++id) {
      if (random() % 3 != 0) mask.Allow(static_cast<std::int32_t>(id));
    }
    std::vector<float> logits(size, 1.0F);
    mask.FillHoles(logits);
    for (std::size_t id = 0; id < size; ++id) {
      const bool is_hole = id < mask.end() && !mask.Allows(static_cast<std::int32_t>(id));
      EXPECT_EQ(std::isinf(logits[id]), is_hole) << size << ", " << id;
    }
  }
}

}  // namespace
}  // namespace thimble
