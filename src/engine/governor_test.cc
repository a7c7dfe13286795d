// SPDX-License-Identifier: Apache-2.0
#include "engine/governor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace thimble {
namespace {

DeviceReadings Heat(int thermal, std::optional<double> headroom = std::nullopt) {
  DeviceReadings readings;
  readings.thermal = thermal;
  readings.headroom = headroom;
  return readings;
}

TEST(Governor, TableOfReadings) {
  struct Row {
    const char* name;
    DeviceReadings readings;
    PowerMode mode;
    int threads;
    int pause_ms;
    std::optional<int> thinking;
    Detail detail;
    bool is_stopped;
  };
  DeviceReadings saving = Heat(0);
  saving.saves_power = true;
  DeviceReadings low = Heat(0);
  low.battery = 12;
  DeviceReadings empty = Heat(0);
  empty.battery = 4;
  empty.saves_power = true;
  DeviceReadings plugged = empty;
  plugged.is_charging = true;
  const Row rows[] = {
      {"nothing known, fast", {}, PowerMode::kFast, 8, 0, std::nullopt, Detail::kHigh, false},
      {"nothing known, balanced", {}, PowerMode::kBalanced, 8, 0, std::nullopt, Detail::kHigh, false},
      {"nothing known, cool", {}, PowerMode::kCool, 6, 0, 2048, Detail::kAuto, false},
      {"light, fast", Heat(1), PowerMode::kFast, 8, 0, std::nullopt, Detail::kHigh, false},
      {"light, balanced", Heat(1), PowerMode::kBalanced, 6, 0, 2048, Detail::kAuto, false},
      {"light, cool", Heat(1), PowerMode::kCool, 4, 80, 512, Detail::kLow, false},
      {"moderate, fast", Heat(2), PowerMode::kFast, 6, 0, 2048, Detail::kAuto, false},
      {"moderate, balanced", Heat(2), PowerMode::kBalanced, 4, 80, 512, Detail::kLow, false},
      {"moderate, cool", Heat(2), PowerMode::kCool, 2, 200, 256, Detail::kLow, false},
      {"severe, fast", Heat(3), PowerMode::kFast, 2, 200, 256, Detail::kLow, true},
      {"severe, balanced", Heat(3), PowerMode::kBalanced, 2, 200, 256, Detail::kLow, true},
      {"shutdown, cool", Heat(6), PowerMode::kCool, 2, 200, 256, Detail::kLow, true},
      {"headroom 1, no status", Heat(-1, 1.0), PowerMode::kFast, 2, 200, 256, Detail::kLow, true},
      {"headroom 0.86, balanced", Heat(0, 0.86), PowerMode::kBalanced, 4, 20, 1024, Detail::kAuto, false},
      {"headroom 0.86, fast", Heat(0, 0.86), PowerMode::kFast, 8, 0, std::nullopt, Detail::kHigh, false},
      {"headroom 0.65, cool", Heat(0, 0.65), PowerMode::kCool, 4, 20, 1024, Detail::kAuto, false},
      {"battery saver", saving, PowerMode::kFast, 6, 0, 2048, Detail::kAuto, false},
      {"battery at 12", low, PowerMode::kBalanced, 6, 0, 2048, Detail::kAuto, false},
      {"battery at 4, saver", empty, PowerMode::kBalanced, 4, 80, 512, Detail::kLow, false},
      {"the same, plugged in", plugged, PowerMode::kBalanced, 8, 0, std::nullopt, Detail::kHigh, false},
  };
  for (const Row& row : rows) {
    const GovernorDecision decision = Govern(row.readings, row.mode, nullptr, 8);
    EXPECT_EQ(decision.threads, row.threads) << row.name;
    EXPECT_EQ(decision.pause_ms, row.pause_ms) << row.name;
    EXPECT_EQ(decision.thinking, row.thinking) << row.name;
    EXPECT_EQ(decision.detail, row.detail) << row.name;
    EXPECT_EQ(decision.is_stopped, row.is_stopped) << row.name;
    EXPECT_EQ(decision.reason.empty(), decision.step == 0) << row.name;
  }
}

TEST(Governor, SparesTheFastestCoresInCoolModeAndWhereItRests) {
  const auto cores = [](DeviceReadings readings, PowerMode mode) { return Govern(readings, mode, nullptr, 8).cores; };
  EXPECT_EQ(cores(Heat(0), PowerMode::kCool), CoreWish::kSparing);
  EXPECT_EQ(cores(Heat(0), PowerMode::kBalanced), CoreWish::kFastest);
  EXPECT_EQ(cores(Heat(1), PowerMode::kBalanced), CoreWish::kFastest);
  EXPECT_EQ(cores(Heat(2), PowerMode::kBalanced), CoreWish::kSparing);
  EXPECT_EQ(cores(Heat(2), PowerMode::kFast), CoreWish::kFastest);
}

TEST(Governor, OneThreadIsTheLeast) {
  EXPECT_EQ(Govern(Heat(2), PowerMode::kCool, nullptr, 1).threads, 1);
  EXPECT_EQ(Govern(Heat(2), PowerMode::kCool, nullptr, 0).threads, 1);
  EXPECT_EQ(Govern(Heat(0), PowerMode::kFast, nullptr, 3).threads, 3);
}

TEST(Governor, GoesOnStepByStepAndNotAtTheEdge) {
  const GovernorDecision stopped = Govern(Heat(3, 1.02), PowerMode::kBalanced, nullptr, 8);
  ASSERT_TRUE(stopped.is_stopped);
  EXPECT_TRUE(Govern(Heat(2, 0.95), PowerMode::kBalanced, &stopped, 8).is_stopped);  // it was severe just now
  EXPECT_TRUE(Govern(Heat(1, 0.90), PowerMode::kBalanced, &stopped, 8).is_stopped);
  const GovernorDecision again = Govern(Heat(1, 0.80), PowerMode::kBalanced, &stopped, 8);
  EXPECT_FALSE(again.is_stopped);
  EXPECT_EQ(again.step, 3);  // one step, however cool it is
  const GovernorDecision warm = Govern(Heat(0, 0.86), PowerMode::kBalanced, nullptr, 8);
  EXPECT_EQ(warm.step, 2);
  EXPECT_EQ(Govern(Heat(0, 0.84), PowerMode::kBalanced, &warm, 8).step, 2);  // 0.85 is where it began
  EXPECT_EQ(Govern(Heat(0, 0.80), PowerMode::kBalanced, &warm, 8).step, 1);
}

// A phone: work heats it, the room cools it. Heat is the share of where "severe" begins.
class SimulatedPhone {
 public:
  explicit SimulatedPhone(PowerMode mode) : mode_(mode) {}

  // A second of an answer that never ends.
  void Live() {
    const GovernorDecision decision =
        Govern(Heat(Status(), heat_), mode_, decision_.has_value() ? &*decision_ : nullptr, kThreads);
    // A step of the engine takes a tenth of a second with all threads, and longer with fewer.
    const double share = static_cast<double>(decision.threads) / kThreads;
    const double busy = 0.1 / share;
    const double duty = decision.is_stopped ? 0 : busy / (busy + decision.pause_ms / 1000.0);
    const double work = share * duty;
    heat_ += 0.004 * work - 0.0026 * (heat_ - 0.4);  // all of it for long: 1.9 of what is severe
    hottest_ = std::max(hottest_, heat_);
    done_ += work;
    changes_ += decision_.has_value() && decision_->is_stopped != decision.is_stopped ? 1 : 0;
    stopped_ += decision.is_stopped ? 1 : 0;
    decision_ = decision;
  }
  [[nodiscard]] double hottest() const { return hottest_; }
  [[nodiscard]] double done() const { return done_; }
  [[nodiscard]] int stopped() const { return stopped_; }
  [[nodiscard]] int changes() const { return changes_; }

 private:
  static constexpr int kThreads = 8;
  [[nodiscard]] int Status() const { return heat_ >= 1.0 ? 3 : heat_ >= 0.9 ? 2 : heat_ >= 0.8 ? 1 : 0; }

  PowerMode mode_;
  double heat_ = 0.4;
  double hottest_ = 0;
  double done_ = 0;
  int stopped_ = 0;
  int changes_ = 0;
  std::optional<GovernorDecision> decision_;
};

TEST(Governor, CoolStaysBelowSevereWhereFastDoesNot) {
  SimulatedPhone cool(PowerMode::kCool);
  SimulatedPhone balanced(PowerMode::kBalanced);
  SimulatedPhone fast(PowerMode::kFast);
  constexpr int kHour = 3600;
  for (int second = 0; second < kHour; ++second) {
    cool.Live();
    balanced.Live();
    fast.Live();
  }
  EXPECT_LT(cool.hottest(), 0.9);
  EXPECT_EQ(cool.stopped(), 0);
  EXPECT_LT(balanced.hottest(), 1.0);
  EXPECT_EQ(balanced.stopped(), 0);
  EXPECT_GE(fast.hottest(), 1.0);
  EXPECT_GT(fast.stopped(), 0);
  EXPECT_LT(fast.changes(), kHour / 20);  // it does not flutter
  // Who rests early does most of what who is stopped does.
  EXPECT_GT(cool.done(), 0.3 * fast.done());
}

}  // namespace
}  // namespace thimble
