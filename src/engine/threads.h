// SPDX-License-Identifier: Apache-2.0
// How many threads to compute with: measured on request. Nothing is read from or written to disk; who wants a choice to
// last keeps it, and passes it as EngineOptions::threads. Unmeasured, Engine::Open takes DefaultThreads
// (sys/topology.h).
#pragma once

#include "base/result.h"
#include "ops/thread_timing.h"
#include "sys/topology.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace thimble {

// Times products of a small model's shapes with each of `counts` threads (ThreadCandidates knows which are worth it) on
// kernels `isa`, empty for the best; in about a quarter of a second, more where two rounds take longer. BestThreads
// chooses among the results. `goes_on` is asked between runs, and may be empty. Errors: of choosing kernels,
// kExhausted, kCancelled.
Result<std::vector<ThreadTiming>> MeasureThreads(const CpuTopology& topology, std::span<const int> counts,
                                                 const std::string& isa, const std::function<bool()>& goes_on);

}  // namespace thimble
