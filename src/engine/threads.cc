// SPDX-License-Identifier: Apache-2.0
#include "engine/threads.h"

#include "kernels/kernels.h"
#include "sys/machine.h"

namespace thimble {

Result<std::vector<ThreadTiming>> MeasureThreads(const CpuTopology& topology, std::span<const int> counts,
                                                 const std::string& isa, const std::function<bool()>& goes_on) {
  constexpr double kSeconds = 0.25;
  std::vector<std::string> warnings;  // Engine::Open says them
  THIMBLE_ASSIGN_OR_RETURN(const kernels::KernelTable* table,
                           kernels::ChooseTested(DetectCpuFeatures(), isa, &warnings));
  std::vector<ThreadCount> pools;
  pools.reserve(counts.size());
  for (const int count : counts) pools.push_back({count, SlowestShare(topology, count)});
  return TimeThreads(*table, pools, kSeconds, goes_on);
}

}  // namespace thimble
