// SPDX-License-Identifier: Apache-2.0
#include "measure/least_time.h"

#include <algorithm>

namespace thimble {

LeastTime LeastTimeFor(const Workload& work, const MachineLimits& limits) {
  if (limits.read_bytes <= 0 || limits.float_multiply_adds <= 0 || limits.int8_multiply_adds <= 0) return {};
  const double reading = static_cast<double>(work.bytes()) / limits.read_bytes;
  const double multiplying = static_cast<double>(work.int8_multiply_adds) / limits.int8_multiply_adds +
                             static_cast<double>(work.float_multiply_adds) / limits.float_multiply_adds;
  return {std::max(reading, multiplying), reading > multiplying};
}

}  // namespace thimble
