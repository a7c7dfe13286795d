// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most with some kernels and threads: measured, to hold the model's speed against.
#pragma once

#include "base/result.h"
#include "ops/ops.h"

#include <cstddef>
#include <functional>

namespace thimble {

// All of the pool's threads together, per second. 0 where it could not be measured.
struct MachineLimits {
  // Bytes read in order from memory that no cache holds, as the weights lie: in huge pages where the system gives them.
  double read_bytes = 0;
  // The median of those runs: far below the fastest on a machine whose memory others use too.
  double typical_read_bytes = 0;
  // Share of that memory that huge pages stood behind, 0 to 1.
  double huge_page_share = 0;
  // The same from pages of the ordinary size; 0 where the system leaves no choice.
  double read_bytes_small_pages = 0;
  // Multiply-adds of the packed kernels' shortest dot sequence (int8 activations), and of float32.
  double int8_multiply_adds = 0;
  double float_multiply_adds = 0;
};

struct LimitOptions {
  double seconds = 1.0;                             // to measure in all, memory to be prepared not counted
  std::size_t read_bytes = std::size_t{256} << 20;  // memory to read; at most a quarter of what is free is taken
  std::function<bool()> goes_on;                    // asked often; false ends it with kCancelled. May be empty.
};

// The fastest of many short runs of each: whatever else the machine does only ever makes a run slower. Errors:
// kCancelled, and kExhausted when there is no memory to read.
Result<MachineLimits> MeasureLimits(const Ops& ops, const LimitOptions& options);

}  // namespace thimble
