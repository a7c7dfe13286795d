// SPDX-License-Identifier: Apache-2.0
// Cores and memory where the system tells little: WebAssembly, and POSIX systems other than Linux.
#include "sys/machine.h"

#if !defined(__wasm__)
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace thimble {

#if defined(__wasm__)

#if !defined(__wasm_atomics__)  // else thread_pool_wasm.cc knows
int NumUsableCores() { return 1; }
#endif

std::uint64_t AvailableMemoryBytes() { return 0; }

// A module's memory only grows, so its size is the peak. A page of WebAssembly has 64 KiB.
std::uint64_t PeakResidentBytes() { return static_cast<std::uint64_t>(__builtin_wasm_memory_size(0)) << 16; }
std::uint64_t ResidentBytes() { return PeakResidentBytes(); }
std::uint64_t AnonymousBytes() { return ResidentBytes(); }

double ProcessorSeconds() { return 0; }

#else

int NumUsableCores() {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : static_cast<int>(count);
}

std::uint64_t AvailableMemoryBytes() { return 0; }

std::uint64_t ResidentBytes() { return 0; }
std::uint64_t AnonymousBytes() { return 0; }

std::uint64_t PeakResidentBytes() {
  struct rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#if defined(__APPLE__)
  return static_cast<std::uint64_t>(usage.ru_maxrss);  // bytes here, kibibytes elsewhere
#else
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
#endif
}

double ProcessorSeconds() {
  struct rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const struct timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

#endif

}  // namespace thimble
