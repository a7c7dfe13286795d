// SPDX-License-Identifier: Apache-2.0
#include "android/native/pace.h"

#include <gtest/gtest.h>

namespace thimble::android {
namespace {

DeviceReadings Thermal(int status) {
  DeviceReadings readings;
  readings.thermal = status;
  return readings;
}

GenerateRequest Asking(std::optional<int> thinking, std::optional<Detail> detail) {
  GenerateRequest request;
  request.think_budget = thinking;
  request.detail = detail;
  return request;
}

// Little cores first, as phones number them.
CpuTopology Phone() { return {{{1, 1, 1.0, {7}}, {3, 3, 0.75, {4, 5, 6}}, {4, 4, 0.25, {0, 1, 2, 3}}}, 8}; }

TEST(Pace, TellsADecisionOnce) {
  Pace pace(8, {});
  EXPECT_FALSE(pace.is_stopped());
  EXPECT_EQ(pace.rest_seconds(), 0);
  ASSERT_TRUE(pace.Take(Thermal(3), PowerMode::kBalanced).has_value());
  EXPECT_FALSE(pace.Take(Thermal(3), PowerMode::kBalanced).has_value());
  EXPECT_TRUE(pace.is_stopped());
  EXPECT_GT(pace.rest_seconds(), 0);
}

TEST(Pace, ThreadsRunWhereTheModeAndTheHeatSay) {
  Pace pace(4, Phone());
  EXPECT_EQ(pace.processors(), (std::vector<int>{4, 5, 6, 7}));
  (void)pace.Take(Thermal(0), PowerMode::kCool);  // three threads
  EXPECT_EQ(pace.processors(), (std::vector<int>{4, 5, 6}));
  (void)pace.Take(Thermal(0), PowerMode::kFast);
  EXPECT_EQ(pace.processors(), (std::vector<int>{4, 5, 6, 7}));
  (void)pace.Take(Thermal(2), PowerMode::kBalanced);
  EXPECT_EQ(pace.processors(), (std::vector<int>{4, 5, 6}));
  EXPECT_EQ(Pace(4, {{{8, 8, 1.0, {0, 1, 2, 3, 4, 5, 6, 7}}}, 8}).processors(), std::vector<int>{});
}

TEST(Pace, AsksForLessAndNeverForMore) {
  Pace pace(8, {});
  GenerateRequest request = Asking(std::nullopt, std::nullopt);
  pace.Temper(&request);
  EXPECT_FALSE(request.think_budget.has_value() || request.detail.has_value());
  (void)pace.Take(Thermal(1), PowerMode::kBalanced);  // at most 2048 tokens, and the middle detail
  pace.Temper(&request);
  EXPECT_EQ(request.think_budget, 2048);
  EXPECT_EQ(request.detail, Detail::kAuto);
  request = Asking(100, Detail::kLow);
  pace.Temper(&request);
  EXPECT_EQ(request.think_budget, 100);
  EXPECT_EQ(request.detail, Detail::kLow);
  request = Asking(0, Detail::kHigh);  // without a limit
  pace.Temper(&request);
  EXPECT_EQ(request.think_budget, 2048);
  EXPECT_EQ(request.detail, Detail::kAuto);
  request.prompt = PromptIds{};
  request.think_budget.reset();
  pace.Temper(&request);
  EXPECT_FALSE(request.think_budget.has_value());
}

}  // namespace
}  // namespace thimble::android
