// SPDX-License-Identifier: Apache-2.0
// How many threads a command computes with: as it was told, as this machine was measured before, or measured now.
#pragma once

#include "base/result.h"
#include "engine/threads.h"

#include <functional>
#include <string>
#include <vector>

namespace thimble::cli {

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

// Nothing that is wrong with the file is an error: what cannot be read is measured, what cannot be written forgotten.
// Errors are those of `measure`, but for kExhausted, which leads to the default.
Result<ThreadChoice> ChooseThreads(const ThreadQuestion& question, MeasureThreadsWhen when);

}  // namespace thimble::cli
