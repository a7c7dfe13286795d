// SPDX-License-Identifier: Apache-2.0
// Runs a step again and again, each time with another allocation or read of it failing.
#pragma once

#include "fault_injector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace thimble::testing {

// Which one fails next: each of the first 2,000 and every 37th after; with THIMBLE_FAULTS=all (scripts/test faults)
// each.
inline std::int64_t NextFault(std::int64_t index) {
  static const bool is_all = std::getenv("THIMBLE_FAULTS") != nullptr;
  return is_all || index < 2000 ? index + 1 : index + 37;
}

struct Sweep {
  std::int64_t runs = 0;      // in which one failed
  std::int64_t refusals = 0;  // of them, those that ended in an error
  std::int64_t events = 0;    // allocations and reads of the step
};

// `step(index)` runs once for each fault: it arms with `index`, does the step, disarms, returns whether that ended in
// an error. Ends with the first in which nothing was left to fail. What is in use afterwards has to be what was before.
template <typename Step>
Sweep SweepFaults(const std::string& name, Step&& step) {
  Sweep sweep;
  for (std::int64_t index = 0;; index = NextFault(index)) {
    const InUse before = CountInUse();
    const bool is_refused = step(index);
    const InUse after = CountInUse();
    EXPECT_TRUE(before == after) << name << ", fault " << index << ": " << after.blocks - before.blocks << " blocks, "
                                 << after.mapped_bytes - before.mapped_bytes << " mapped bytes, "
                                 << after.handles - before.handles << " handles left";
    if (!HasFailed()) {
      EXPECT_FALSE(is_refused) << name << ": refused without a fault";
      break;
    }
    ++sweep.runs;
    sweep.refusals += is_refused ? 1 : 0;
    if (::testing::Test::HasFatalFailure()) break;
  }
  std::printf("%s: %lld faults, %lld refused\n", name.c_str(), static_cast<long long>(sweep.runs),
              static_cast<long long>(sweep.refusals));
  return sweep;
}

}  // namespace thimble::testing
