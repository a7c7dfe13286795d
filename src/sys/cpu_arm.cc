// SPDX-License-Identifier: Apache-2.0
// ARM: the kernel lists the features of the processor in the auxiliary vector of every process.
#include "sys/machine.h"

#if defined(__linux__)
#include <sys/auxv.h>
#endif

namespace thimble {

CpuFeatures DetectCpuFeatures() {
#if defined(__aarch64__) && defined(__linux__)
  // Values of asm/hwcap.h, written out because headers older than a feature lack its name.
  constexpr unsigned long kHwcapAsimd = 1ul << 1;
  constexpr unsigned long kHwcapAsimdDp = 1ul << 20;
  constexpr unsigned long kHwcap2I8mm = 1ul << 13;
  const unsigned long hwcap = getauxval(AT_HWCAP);
  const unsigned long hwcap2 = getauxval(AT_HWCAP2);
  if ((hwcap & kHwcapAsimd) == 0) return 0;
  CpuFeatures features = kCpuNeon;
  if ((hwcap & kHwcapAsimdDp) != 0) features |= kCpuNeonDotprod;
  if ((hwcap2 & kHwcap2I8mm) != 0) features |= kCpuNeonI8mm;
  return features;
#elif defined(__aarch64__)
  return kCpuNeon;  // part of the architecture; what else there is, this system is not asked
#else
  return 0;
#endif
}

}  // namespace thimble
