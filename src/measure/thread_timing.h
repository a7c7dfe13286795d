// SPDX-License-Identifier: Apache-2.0
// How fast the products of a model run with several numbers of threads, to choose one of them. Nothing is read from or
// written to disk; who wants a choice to last keeps it (host/thread_choice.h), and passes it as EngineOptions::threads.
// Unmeasured, Engine::Open takes DefaultThreads (sys/topology.h).
#pragma once

#include "base/result.h"
#include "kernels/kernel_table.h"
#include "sys/topology.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace thimble {

// The fastest run of each kind: whatever else the machine does only ever makes a run slower.
struct ThreadTiming {
  int threads = 0;
  double decode_seconds = 0;  // products of one row with weights that no cache holds
  double prompt_seconds = 0;  // products of 64 rows
  // Processor time that the threads got in all runs, of what they would have used on cores of their own; 1 when
  // unknown.
  double core_share = 1;
};

struct ThreadCount {
  int threads = 1;
  double slowest_share = 1.0;  // as ThreadPool takes it
};

// Times every count in turn, round after round, until `seconds` are over: at least twice, so that very slow machines
// take longer. A pool that gets fewer threads than asked for is left out. `goes_on` is asked between runs and may be
// empty. Errors: kExhausted without memory for the weights (48 MiB, less where little is free), kCancelled.
Result<std::vector<ThreadTiming>> TimeThreads(const kernels::KernelTable& table, std::span<const ThreadCount> counts,
                                              double seconds, const std::function<bool()>& goes_on);

// The same for each of `counts` threads of this machine (ThreadCandidates knows which are worth it) on kernels `isa`,
// empty for the best, in about a quarter of a second. Errors: of choosing kernels besides.
Result<std::vector<ThreadTiming>> MeasureThreads(const CpuTopology& topology, std::span<const int> counts,
                                                 const std::string& isa, const std::function<bool()>& goes_on);

// Whether other programs took so much of the cores that the timings say little: with two threads on one core, one
// thread looks just as good.
bool WereCoresBusy(std::span<const ThreadTiming> timings);

// The fewest threads within 5 % of the best, decoding and prompts counted alike: what more of them would gain is not
// worth its heat. 0 when there are no timings.
int BestThreads(std::span<const ThreadTiming> timings);

}  // namespace thimble
