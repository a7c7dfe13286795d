// SPDX-License-Identifier: Apache-2.0
// On which cores of a processor with fast and slow ones an engine's threads run. A pure function.
#pragma once

#include "sys/topology.h"

#include <vector>

namespace thimble {

enum class CoreWish {
  kFastest,  // answers soon
  kSparing,  // answers for less heat: a processor's fastest cores take the most power for the same work
};

// Numbers of the processors for `threads` threads, ascending. Of cores that are at least half as fast as the fastest:
// with kFastest all of them, with kSparing without the fastest classes, as far as others of them are enough for
// the threads. Slower ones only when there are more threads than that: every thread waits for the slowest. There are
// often more of them than threads: which to take is the scheduler's choice, which knows what else runs. Empty, so that
// nobody is placed: where all cores are alike, and where their numbers are not known.
std::vector<int> ChooseProcessors(const CpuTopology& topology, int threads, CoreWish wish);

}  // namespace thimble
