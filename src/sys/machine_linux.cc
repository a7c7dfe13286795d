// SPDX-License-Identifier: Apache-2.0
// Cores and memory of a Linux or Android machine, container limits included.
#include "sys/cgroup_linux.h"
#include "sys/machine.h"

#include <algorithm>
#include <fstream>

#include <sched.h>
#include <unistd.h>

namespace thimble {

namespace {

// Cores in this process's affinity mask; 0 when the kernel does not say.
int NumAllowedCores() {
  // The kernel refuses a mask that is too small for the machine, so grow it until it fits.
  for (std::size_t num_cores = 1024; num_cores <= (std::size_t{1} << 20); num_cores *= 2) {
    cpu_set_t* mask = CPU_ALLOC(num_cores);
    if (mask == nullptr) return 0;
    const std::size_t mask_bytes = CPU_ALLOC_SIZE(num_cores);
    CPU_ZERO_S(mask_bytes, mask);
    const bool is_known = sched_getaffinity(0, mask_bytes, mask) == 0;
    const int count = is_known ? CPU_COUNT_S(mask_bytes, mask) : 0;
    CPU_FREE(mask);
    if (is_known) return count;
  }
  return 0;
}

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
  int count = NumAllowedCores();
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

// Not getrusage: its maximum survives exec, so it would count the program that started us.
std::uint64_t PeakResidentBytes() { return ProcBytes("/proc/self/status", "VmHWM:"); }

}  // namespace thimble
