// SPDX-License-Identifier: Apache-2.0
// Governor: how hard a device in somebody's hand may work, from what it says of its heat and battery. A pure function:
// who has readings asks it, and does what it says.
#pragma once

#include "engine/core_choice.h"
#include "engine/picture.h"

#include <optional>
#include <string>

namespace thimble {

enum class PowerMode { kCool, kBalanced, kFast };

// What a device tells of itself, as Android says it.
struct DeviceReadings {
  int thermal = -1;  // 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown; -1 unknown
  std::optional<double> headroom;  // heat as a share of where "severe" begins: 1.0 is there
  std::optional<int> battery;      // percent
  bool is_charging = false;
  bool saves_power = false;  // the system's own battery saver is on
};

struct GovernorDecision {
  int threads = 0;                      // to compute with, 1 or more
  CoreWish cores = CoreWish::kFastest;  // where
  int pause_ms = 0;                     // rest after each step of the engine
  std::optional<int> thinking;          // tokens that may be thought at most; nullopt: as requests say
  Detail detail = Detail::kHigh;        // of pictures, at most
  bool is_stopped = false;              // nothing is computed until a later decision says otherwise
  int step = 0;                         // 0 unhindered to kMostSteps: what the next decision begins from
  std::string reason;                   // a sentence for people; empty at step 0

  friend bool operator==(const GovernorDecision&, const GovernorDecision&) = default;
};
inline constexpr int kMostGovernorSteps = 4;

// What to do from now on. `last`: what was decided before, nullptr at first: it cools down before it works harder
// again, a step at a time. `most_threads`: what this device computes with at best.
GovernorDecision Govern(const DeviceReadings& readings, PowerMode mode, const GovernorDecision* last, int most_threads);

}  // namespace thimble
