// SPDX-License-Identifier: Apache-2.0
#include "engine/core_choice.h"

#include <algorithm>
#include <span>

namespace thimble {

namespace {

// As DefaultThreads counts.
constexpr double kLeastSpeed = 0.5;

int NumCores(std::span<const CoreClass> classes) {
  int count = 0;
  for (const CoreClass& one : classes) count += one.num_cores;
  return count;
}

}  // namespace

std::vector<int> ChooseProcessors(const CpuTopology& topology, int threads, CoreWish wish) {
  const std::span<const CoreClass> all(topology.classes);
  if (all.size() < 2) return {};
  std::size_t end = 1;
  while (end < all.size() && all[end].speed >= kLeastSpeed) ++end;
  while (end < all.size() && NumCores(all.first(end)) < threads) ++end;
  std::span<const CoreClass> chosen = all.first(end);
  if (wish == CoreWish::kSparing) {
    while (chosen.size() > 1 && chosen[1].speed >= kLeastSpeed && NumCores(chosen.subspan(1)) >= threads)
      chosen = chosen.subspan(1);
  }
  std::vector<int> processors;
  for (const CoreClass& one : chosen) {
    if (one.processors.empty()) return {};
    processors.insert(processors.end(), one.processors.begin(), one.processors.end());
  }
  std::sort(processors.begin(), processors.end());
  return processors;
}

}  // namespace thimble
