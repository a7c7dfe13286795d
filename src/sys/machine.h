// SPDX-License-Identifier: Apache-2.0
// What this machine is and has: processor features, cores we may use, memory free, peak memory of this process.
#pragma once

#include "base/cpu_features.h"

#include <cstdint>
#include <string>

namespace thimble {

// Features of this processor that the operating system also supports (CPUID and XGETBV on x86, getauxval on ARM).
CpuFeatures DetectCpuFeatures();
// "avx2 avx512 avx512vnni": for `version` and `info`.
std::string CpuFeatureNames(CpuFeatures features);

// Cores this process may run on (affinity and container quota respected), at least 1.
int NumUsableCores();

// Memory this process can still take without swapping, in bytes: MemAvailable, lowered to the container's limit where
// there is one. 0 when unknown.
std::uint64_t AvailableMemoryBytes();
// Pages of this process that are in memory, in bytes; 0 when unknown.
std::uint64_t ResidentBytes();
// Of them those that are no file's: what the system cannot take back. 0 when unknown.
std::uint64_t AnonymousBytes();
// Highest resident set of this process so far, in bytes; 0 when unknown.
std::uint64_t PeakResidentBytes();

// Seconds on a clock that never jumps.
double MonotonicSeconds();
// Processor time that all threads of this process have had so far, in seconds; 0 when unknown.
double ProcessorSeconds();

}  // namespace thimble
