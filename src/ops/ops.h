// SPDX-License-Identifier: Apache-2.0
// Ops: what every operation needs: the kernels of this processor and the threads to run them on.
#pragma once

#include "kernels/kernel_table.h"
#include "sys/thread_pool.h"

namespace thimble {

enum class Precision {
  kFast,   // int8 activations against packed weights, where that is faster
  kExact,  // float32 activations and weights widened to float32, for every file type
};

// References must outlive this object. Results never depend on the number of threads.
struct Ops {
  const kernels::KernelTable& kernels;
  ThreadPool& pool;
  Precision precision = Precision::kFast;
  // Products take the form for few rows however many there are: rows of several conversations in one pass then have the
  // bits that each has alone.
  bool narrow_only = false;
};

}  // namespace thimble
