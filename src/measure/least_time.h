// SPDX-License-Identifier: Apache-2.0
// The time that work takes at least on a machine whose limits are known.
#pragma once

#include "measure/machine_limits.h"
#include "model/workload.h"

namespace thimble {

// The least time such a machine needs: for its bytes at the read bandwidth, or for its multiply-adds, int8 and float
// one after the other at the peak of each, whichever is longer. 0 where a limit it needs is not known.
struct LeastTime {
  double seconds = 0;
  bool is_memory_bound = false;
};
LeastTime LeastTimeFor(const Workload& work, const MachineLimits& limits);

}  // namespace thimble
