// SPDX-License-Identifier: Apache-2.0
// Cores and memory of a Linux or Android machine, container limits included.
#include "sys/affinity_linux.h"
#include "sys/cgroup_linux.h"
#include "sys/machine.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>

namespace thimble {

namespace {

// The number, in bytes, of a line like "MemAvailable:   123 kB"; 0 when there is none.
std::uint64_t ProcBytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    if (word != key) continue;
    std::uint64_t kibibytes = 0;
    file >> kibibytes;
    return file ? kibibytes * 1024 : 0;
  }
  return 0;
}

}  // namespace

int NumUsableCores() {
  auto count = static_cast<int>(AllowedProcessors().size());
  if (count < 1) count = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  // Rounded down: a thread beyond the quota makes the kernel pause all of them.
  const double quota = ReadCgroupLimits("").num_cores;
  if (quota > 0 && quota < count) count = static_cast<int>(quota);
  return std::max(1, count);
}

std::uint64_t AvailableMemoryBytes() {
  const std::uint64_t available = ProcBytes("/proc/meminfo", "MemAvailable:");
  const CgroupLimits limits = ReadCgroupLimits("");
  if (!limits.has_memory_limit) return available;
  return available == 0 ? limits.memory_bytes : std::min(available, limits.memory_bytes);
}

std::uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t AnonymousBytes() { return ProcBytes("/proc/self/status", "RssAnon:"); }

// Not getrusage: its maximum survives exec, so it would count the program that started us.
std::uint64_t PeakResidentBytes() { return ProcBytes("/proc/self/status", "VmHWM:"); }

double ProcessorSeconds() {
  struct timespec used = {};
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

}  // namespace thimble
