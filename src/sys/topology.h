// SPDX-License-Identifier: Apache-2.0
// CpuTopology: which processors this process may use, which of them share a core, and which cores are faster.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace thimble {

// Cores of about the same speed. Big and little cores differ by more than the 15 % that are "about" here.
struct CoreClass {
  int num_cores = 0;
  int num_processors = 0;  // what these cores run at a time: more than cores where they have several threads (SMT)
  double speed = 1.0;      // of the fastest of them, relative to the fastest core of all
  std::vector<int> processors = {};  // the system's numbers for them, ascending; empty where they are not known
};

struct CpuTopology {
  std::vector<CoreClass> classes;  // fastest first; at least one, with at least one core
  int num_usable = 1;              // processors, lowered to the container's quota: no more threads make sense

  [[nodiscard]] int num_cores() const;
  [[nodiscard]] int num_processors() const;
};

// This machine, as the calling thread may use it. Where the system tells nothing: NumUsableCores() equal cores.
CpuTopology DetectCpuTopology();

// All cores of this machine, those included that the system keeps from this process now: a phone gives an app in the
// background its slowest ones only, and the others again later. Where the system does not say: as DetectCpuTopology.
CpuTopology DetectAllCores();

// From Linux's files below `root` + "/sys/devices/system/cpu" ("" for the real ones, a folder in tests), for the
// processors in `allowed`. Cores are told apart by topology/thread_siblings_list, else by core_id and
// physical_package_id; their speed is cpu_capacity, else cpufreq/cpuinfo_max_freq. What is missing or makes no sense
// for one of them counts for none: then every processor is a core, or all are equally fast. Linux only.
CpuTopology ReadCpuTopology(const std::string& root, std::span<const int> allowed, int num_usable);

// Numbers of the processors that Linux says it has, online or not, in the file .../cpu/present below `root`; empty
// where there is no such file or it makes no sense. Linux only.
std::vector<int> PresentProcessors(const std::string& root);

// Counts of threads that are worth trying, ascending, none above num_usable: the fastest class, with the next one, and
// so on to all cores; then all processors (threads that share a core come last); and of 16 equal cores and more also a
// half and a quarter, because there the threads' meeting can cost more than a core gives. With one entry there is
// nothing to measure: 1 to 15 equal cores without SMT, for instance.
std::vector<int> ThreadCandidates(const CpuTopology& topology);

// What to take unmeasured: all cores but those less than half as fast as the fastest, at most num_usable.
int DefaultThreads(const CpuTopology& topology);

// Speed of the slowest core that `num_threads` threads on the fastest cores run on, relative to the mean of theirs: 1
// on equal cores, 0.4 for 1.0 + 0.25.
double SlowestShare(const CpuTopology& topology, int num_threads);

// "2 cores", "1 + 3 + 4 cores", "6 (2 threads each) + 8 cores, 4 usable".
std::string TopologyText(const CpuTopology& topology);

}  // namespace thimble
