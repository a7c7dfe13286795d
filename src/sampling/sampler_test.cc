// SPDX-License-Identifier: Apache-2.0
#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace thimble {
namespace {

std::int32_t SampleOf(std::vector<float> logits, const SamplerOptions& options, int num_tokens = 0) {
  Sampler sampler(options, static_cast<int>(logits.size()));
  const TokenMask mask = TokenMask::First(static_cast<std::size_t>(num_tokens), logits.size());
  return sampler.Sample(logits, num_tokens > 0 ? &mask : nullptr);
}
SamplerOptions Greedy() {
  SamplerOptions options;
  options.temperature = 0;
  return options;
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheHighest) {
  EXPECT_EQ(SampleOf({1, 3, 3, 2}, Greedy()), 1);
  EXPECT_EQ(SampleOf({1, 3, 4, 5}, Greedy(), 3), 2);  // padding rows are out
}

TEST(Sampler, TokensThatDoNotExistAreNeverChosenAndTheLastOnesAre) {
  TokenMask exists(8);
  for (const std::int32_t id : {0, 2, 6, 7}) exists.Allow(id);
  for (const double temperature : {0.0, 1.0}) {
    for (const int top_k : {0, 3}) {
      SamplerOptions options;
      options.temperature = temperature;
      options.top_k = top_k;
      std::vector<int> counts(8);
      for (std::uint64_t seed = 0; seed < 200; ++seed) {
        options.seed = seed;
        Sampler sampler(options, 8);
        std::vector<float> logits = {1, 50, 1, 50, 50, 50, 2, 2.1F};
        ++counts[static_cast<std::size_t>(sampler.Sample(logits, &exists))];
      }
      for (const std::size_t id : {1, 3, 4, 5}) EXPECT_EQ(counts[id], 0) << id;
      EXPECT_GT(counts[7], 0);  // as many empty entries before it as tokens exist
    }
  }
  std::vector<float> none(8, -INFINITY);
  TokenMask late(8);
  late.Allow(5);
  EXPECT_EQ(Sampler(Greedy(), 8).Sample(none, &late), 5);
}

TEST(Sampler, NotANumberNeverWinsAndNothingFiniteGivesTheLowestId) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(SampleOf({nan, 1, nan, 2}, Greedy()), 3);
  EXPECT_EQ(SampleOf({nan, -INFINITY, nan}, Greedy()), 0);
  SamplerOptions hot;
  hot.top_k = 2;
  EXPECT_EQ(SampleOf({nan, -INFINITY, 5}, hot), 2);
  EXPECT_EQ(SampleOf({-INFINITY, -INFINITY}, hot), 0);
}

TEST(Sampler, PresenceAndFrequencyCountGeneratedTokensOnly) {
  SamplerOptions options = Greedy();
  options.presence_penalty = 1.5;
  options.frequency_penalty = 0.5;
  Sampler sampler(options, 3);
  const std::vector<std::int32_t> prompt = {0, 0, 0};
  sampler.AddPrompt(prompt);
  std::vector<float> logits = {5, 4, 0};
  EXPECT_EQ(sampler.Sample(logits, 0), 0);  // the prompt's tokens are not punished
  sampler.Accept(0);
  logits = {5, 3.5F, 0};
  EXPECT_EQ(sampler.Sample(logits, 0), 1);
  EXPECT_FLOAT_EQ(logits[0], 3.0F);
}

TEST(Sampler, RepetitionCountsThePromptTooAndDividesOrMultiplies) {
  SamplerOptions options = Greedy();
  options.repetition_penalty = 2;
  Sampler sampler(options, 3);
  const std::vector<std::int32_t> prompt = {0, 1};
  sampler.AddPrompt(prompt);
  std::vector<float> logits = {4, -1, 3};
  EXPECT_EQ(sampler.Sample(logits, 0), 2);
  EXPECT_FLOAT_EQ(logits[0], 2);
  EXPECT_FLOAT_EQ(logits[1], -2);
}

// A sampler that sees only the logits it says it looks at draws what one that sees all of them draws.
TEST(Sampler, BiasBansAndForces) {
  SamplerOptions options = Greedy();
  options.logit_bias = {{0, -100}, {2, 3}};
  EXPECT_EQ(SampleOf({5, 1, 0}, options), 2);
}

// Draws many times and compares with probabilities worked out by hand.
std::vector<double> Shares(const std::vector<float>& logits, SamplerOptions options, int draws = 40000) {
  std::vector<double> shares(logits.size(), 0);
  Sampler sampler(options, static_cast<int>(logits.size()));
  for (int i = 0; i < draws; ++i) {
    std::vector<float> copy = logits;
    shares[static_cast<std::size_t>(sampler.Sample(copy, 0))] += 1.0 / draws;
  }
  return shares;
}

TEST(Sampler, DrawsFromTheSoftmaxAtItsTemperature) {
  SamplerOptions options;
  options.temperature = 2;
  const std::vector<float> logits = {0, 2, 4, -2};
  double total = 0;
  for (const float x : logits) total += std::exp(x / 2.0);
  const auto shares = Shares(logits, options);
  for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(shares[i], std::exp(logits[i] / 2.0) / total, 0.01) << i;
}

TEST(Sampler, TopKTopPAndMinPCutTheTail) {
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F)};
  SamplerOptions top_k;
  top_k.top_k = 2;
  EXPECT_NEAR(Shares(logits, top_k)[0], 0.5 / 0.8, 0.01);
  EXPECT_EQ(Shares(logits, top_k)[2], 0);
  SamplerOptions top_p;
  top_p.top_p = 0.75;
  EXPECT_NEAR(Shares(logits, top_p)[1], 0.3 / 0.8, 0.01);
  EXPECT_EQ(Shares(logits, top_p)[2], 0);
  SamplerOptions min_p;
  min_p.min_p = 0.2;
  EXPECT_GT(Shares(logits, min_p)[2], 0.1);
  EXPECT_EQ(Shares(logits, min_p)[3], 0);
  SamplerOptions none;
  none.top_p = 1e-9;
  EXPECT_NEAR(Shares(logits, none)[0], 1, 1e-9);
}

TEST(Sampler, TheSameSeedDrawsTheSameTokens) {
  SamplerOptions options;
  options.seed = 7;
  EXPECT_EQ(Shares({0, 1, 2, 1}, options, 500), Shares({0, 1, 2, 1}, options, 500));
  SamplerOptions other = options;
  other.seed = 8;
  EXPECT_NE(Shares({0, 1, 2, 1}, options, 500), Shares({0, 1, 2, 1}, other, 500));
}

TEST(Sampler, HintsMergeFieldByFieldAndCardsDiffer) {
  SamplerHints flags;
  flags.temperature = 0.3;
  const SamplerOptions options = ToOptions(Merge(flags, CardPreset(ModelClass::kSmall, false, false)));
  EXPECT_EQ(options.temperature, 0.3);
  EXPECT_EQ(options.presence_penalty, 2.0);
  EXPECT_EQ(options.top_k, 20);
  EXPECT_EQ(CardPreset(ModelClass::kSmall, true, true).temperature, 0.6);
  EXPECT_EQ(CardPreset(ModelClass::kSmall, false, true).top_p, 0.8);
  EXPECT_EQ(CardPreset(ModelClass::kLarge, true, false).top_p, 0.95);
  EXPECT_EQ(CardPreset(ModelClass::kLarge, false, true).temperature, 0.7);
}

}  // namespace
}  // namespace thimble
