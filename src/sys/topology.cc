// SPDX-License-Identifier: Apache-2.0
#include "sys/topology.h"

#include "base/text.h"

#include <algorithm>

namespace thimble {

int CpuTopology::num_cores() const {
  int count = 0;
  for (const CoreClass& one : classes) count += one.num_cores;
  return count;
}

int CpuTopology::num_processors() const {
  int count = 0;
  for (const CoreClass& one : classes) count += one.num_processors;
  return count;
}

std::vector<int> ThreadCandidates(const CpuTopology& topology) {
  constexpr int kManyCores = 16;
  constexpr int kMostHalvings = 2;
  const int usable = std::max(1, topology.num_usable);
  std::vector<int> counts;
  counts.reserve(topology.classes.size() + kMostHalvings);
  int cores = 0;
  for (const CoreClass& one : topology.classes) counts.push_back(std::min(cores += one.num_cores, usable));
  if (topology.classes.size() == 1) {
    int count = counts.front();
    for (int i = 0; i < kMostHalvings && count >= kManyCores; ++i) counts.push_back(count /= 2);
  }
  counts.push_back(std::min(topology.num_processors(), usable));
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

int DefaultThreads(const CpuTopology& topology) {
  constexpr double kLeastSpeed = 0.5;
  int count = 0;
  for (const CoreClass& one : topology.classes) {
    if (one.speed >= kLeastSpeed) count += one.num_cores;
  }
  return std::clamp(count, 1, std::max(1, topology.num_usable));
}

double SlowestShare(const CpuTopology& topology, int num_threads) {
  double slowest = 1.0;
  double sum = 0;
  int left = num_threads;
  for (const CoreClass& one : topology.classes) {
    const int count = std::min(left, one.num_cores);
    if (count <= 0) break;
    slowest = one.speed;
    sum += count * one.speed;
    left -= count;
  }
  // Threads beyond the cores share them all.
  return sum > 0 ? slowest * (num_threads - left) / sum : 1.0;
}

std::string TopologyText(const CpuTopology& topology) {
  std::string text;
  for (const CoreClass& one : topology.classes) {
    text += Cat(text.empty() ? "" : " + ", one.num_cores);
    if (one.num_processors == 2 * one.num_cores) {
      text += " (2 threads each)";
    } else if (one.num_processors != one.num_cores) {
      text += Cat(" (", one.num_processors, " threads)");
    }
  }
  text += topology.num_cores() == 1 ? " core" : " cores";
  if (topology.num_usable < topology.num_processors()) text += Cat(", ", topology.num_usable, " usable");
  return text;
}

}  // namespace thimble
