// SPDX-License-Identifier: Apache-2.0
// How many threads to compute with: as this machine was measured before, or measured now.
#pragma once

#include "base/result.h"
#include "measure/thread_timing.h"

#include <functional>
#include <string>
#include <vector>

namespace thimble::host {

struct ThreadChoice {
  int threads = 1;
  std::string why;  // for people
};

enum class MeasureThreadsWhen {
  kNever,   // unmeasured, the default for such a machine
  kNeeded,  // when there is a choice and it was not made before
  kAnew,    // whatever is remembered; a machine without a choice is measured with half of its cores too
};

// What a choice is made for.
struct ThreadQuestion {
  CpuTopology topology;
  std::string kernels;  // the instruction set, the processor's features and this program's version: with the topology,
                        // what a remembered choice belongs to
  std::string file;     // that remembers choices; empty: none does
  std::function<Result<std::vector<ThreadTiming>>(std::span<const int> counts)> measure;
};

// The question for this machine and kernels `isa` (empty: the best), as the program of that version asks it; the file
// is threads.json in CacheFolder(). `goes_on` is asked while threads are measured. Errors of an `isa` that is none.
Result<ThreadQuestion> QuestionForThisMachine(const std::string& isa, const std::string& version,
                                              std::function<bool()> goes_on);

// Nothing that is wrong with the file is an error: what cannot be read is measured, what cannot be written forgotten.
// Errors are those of `measure`, but for kExhausted, which leads to the default.
Result<ThreadChoice> ChooseThreads(const ThreadQuestion& question, MeasureThreadsWhen when);

}  // namespace thimble::host
