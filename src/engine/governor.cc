// SPDX-License-Identifier: Apache-2.0
#include "engine/governor.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {

constexpr int kSevere = 3;
// Heat must have fallen by so much of "severe" before more is done again.
constexpr double kMargin = 0.04;
constexpr int kLowBattery = 15;
constexpr int kLastBattery = 5;

// Of a mode: how many steps a heat of at least `headroom` costs. Cool begins early, so that it need not stop; fast
// takes what the device gives until it is severe.
struct Threshold {
  double headroom;
  int steps;
};
using Thresholds = std::array<Threshold, 4>;
constexpr Thresholds kCool = {{{0.60, 1}, {0.70, 2}, {0.80, 3}, {0.88, 4}}};
constexpr Thresholds kBalanced = {{{0.75, 1}, {0.85, 2}, {0.92, 3}, {0.97, 4}}};
constexpr Thresholds kFast = {{{0.98, 1}, {9, 0}, {9, 0}, {9, 0}}};
// The same by the thermal status (none, light, moderate), for devices that say no headroom.
constexpr std::array<int, 3> kCoolByStatus = {0, 2, 4};
constexpr std::array<int, 3> kBalancedByStatus = {0, 1, 3};
constexpr std::array<int, 3> kFastByStatus = {0, 0, 1};

bool IsSevere(const DeviceReadings& readings, double margin) {
  if (readings.thermal >= kSevere) return true;
  return readings.headroom.value_or(0) + margin >= 1.0;
}

int HeatSteps(const DeviceReadings& readings, PowerMode mode, double margin) {
  const Thresholds& thresholds = mode == PowerMode::kCool ? kCool : mode == PowerMode::kBalanced ? kBalanced : kFast;
  const auto& by_status = mode == PowerMode::kCool       ? kCoolByStatus
                          : mode == PowerMode::kBalanced ? kBalancedByStatus
                                                         : kFastByStatus;
  int steps = 0;
  for (const Threshold& threshold : thresholds) {
    if (readings.headroom.has_value() && *readings.headroom + margin >= threshold.headroom)
      steps = std::max(steps, threshold.steps);
  }
  if (readings.thermal >= 0 && readings.thermal < kSevere)
    steps = std::max(steps, by_status[static_cast<std::size_t>(readings.thermal)]);
  return steps;
}

int PowerSteps(const DeviceReadings& readings) {
  if (readings.is_charging) return 0;
  int steps = readings.saves_power ? 1 : 0;
  if (readings.battery.has_value() && *readings.battery <= kLowBattery) ++steps;
  if (readings.battery.has_value() && *readings.battery <= kLastBattery) ++steps;
  return steps;
}

int StepOf(const DeviceReadings& readings, PowerMode mode, double margin) {
  const int base = mode == PowerMode::kCool ? 1 : 0;
  return std::min(kMostGovernorSteps, base + HeatSteps(readings, mode, margin) + PowerSteps(readings));
}

std::string ReasonOf(const DeviceReadings& readings, PowerMode mode, const GovernorDecision& decision) {
  if (decision.is_stopped) return "The phone is very hot: the answer rests until it has cooled down.";
  if (decision.step == 0) return "";
  if (HeatSteps(readings, mode, kMargin) > 0) return "The phone is warm: answers are written more slowly.";
  if (PowerSteps(readings) > 0) return "The battery is to last: answers are written more slowly.";
  if (mode == PowerMode::kCool) return "Cool mode: answers are written more slowly.";
  return "The phone cools down: answers are still written more slowly.";
}

}  // namespace

GovernorDecision Govern(const DeviceReadings& readings, PowerMode mode, const GovernorDecision* last,
                        int most_threads) {
  // What each step means: a share of the threads in quarters, pauses, thinking.
  constexpr std::array<int, kMostGovernorSteps + 1> kQuarters = {4, 3, 2, 2, 1};
  constexpr std::array<int, kMostGovernorSteps + 1> kPauses = {0, 0, 20, 80, 200};
  constexpr std::array<int, kMostGovernorSteps + 1> kThinking = {0, 2048, 1024, 512, 256};
  GovernorDecision decision;
  decision.step = StepOf(readings, mode, 0);
  const bool was_stopped = last != nullptr && last->is_stopped;
  // It stops where "severe" begins, and goes on well below: no lower than "light", as far as it says.
  decision.is_stopped = IsSevere(readings, was_stopped ? 4 * kMargin : 0) || (was_stopped && readings.thermal >= 2);
  if (decision.is_stopped) decision.step = kMostGovernorSteps;
  if (last != nullptr && decision.step < last->step)
    decision.step = std::max(std::min(last->step, StepOf(readings, mode, kMargin)), last->step - 1);
  const auto step = static_cast<std::size_t>(decision.step);
  decision.threads = std::max(1, (std::max(1, most_threads) * kQuarters[step] + 3) / 4);
  // Where it rests anyway, the fastest cores would only make the rests longer and the phone warmer.
  if (mode == PowerMode::kCool || kPauses[step] > 0) decision.cores = CoreWish::kSparing;
  decision.pause_ms = kPauses[step];
  if (step > 0) decision.thinking = kThinking[step];
  decision.detail = step == 0 ? Detail::kHigh : step <= 2 ? Detail::kAuto : Detail::kLow;
  decision.reason = ReasonOf(readings, mode, decision);
  return decision;
}

}  // namespace thimble
