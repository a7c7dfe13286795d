// SPDX-License-Identifier: Apache-2.0
#include "sampling/logprobs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace thimble {
namespace {

TEST(Logprobs, AreTheLogarithmsOfTheSoftmax) {
  const std::vector<float> logits = {1.0F, 3.0F, -2.0F, 3.0F, 100.0F};
  TokenMask exists(5);
  for (const std::int32_t id : {0, 1, 2, 3}) exists.Allow(id);  // the last one is padding
  const double sum = std::exp(1.0) + 2 * std::exp(3.0) + std::exp(-2.0);
  const TokenChoice choice = LogprobsOf(logits, exists, 2, 3);
  EXPECT_EQ(choice.id, 2);
  EXPECT_NEAR(choice.logprob, std::log(std::exp(-2.0) / sum), 1e-12);
  ASSERT_EQ(choice.top.size(), 3u);
  EXPECT_EQ(choice.top[0].first, 1) << "of equal ones the lower id";
  EXPECT_EQ(choice.top[1].first, 3);
  EXPECT_EQ(choice.top[2].first, 0);
  EXPECT_NEAR(choice.top[0].second, std::log(std::exp(3.0) / sum), 1e-12);
}

TEST(Logprobs, ThatOverflowOrAreNoNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {3e38F, nan, 3e38F};
  const TokenMask exists = TokenMask::First(3, 3);
  const TokenChoice choice = LogprobsOf(logits, exists, 0, 20);
  EXPECT_NEAR(choice.logprob, std::log(0.5), 1e-12);
  ASSERT_EQ(choice.top.size(), 3u);
  EXPECT_EQ(choice.top[2].first, 1);
  EXPECT_EQ(choice.top[2].second, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(LogprobsOf(std::vector<float>{nan}, TokenMask::First(1, 1), 0, 1).logprob,
            -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace thimble
