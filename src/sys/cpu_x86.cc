// SPDX-License-Identifier: Apache-2.0
// x86: what the processor can do (CPUID), less what the system does not save when it switches threads (XGETBV).
#include "sys/machine.h"

#include <cpuid.h>

namespace thimble {

namespace {

struct Registers {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
};

// All zero when the processor does not have that leaf.
Registers Cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0) return {};
  return r;
}

bool HasBits(unsigned value, unsigned bits) { return (value & bits) == bits; }

// Control register 0 of the extended state: which registers the system saves. As assembly, because the intrinsic would
// need this file to be compiled for AVX.
unsigned SavedState() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

CpuFeatures DetectCpuFeatures() {
  constexpr unsigned kFma = 1u << 12;
  constexpr unsigned kOsxsave = 1u << 27;
  constexpr unsigned kAvx = 1u << 28;
  constexpr unsigned kF16c = 1u << 29;
  constexpr unsigned kAvx2 = 1u << 5;                                              // leaf 7, ebx
  constexpr unsigned kAvx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL; leaf 7, ebx
  constexpr unsigned kAvx512Vnni = 1u << 11;                                       // leaf 7, ecx
  constexpr unsigned kAvxVnni = 1u << 4;                                           // leaf 7.1, eax
  constexpr unsigned kAvx512Bf16 = 1u << 5;                                        // leaf 7.1, eax
  constexpr unsigned kYmmState = 0x06;                                             // xmm and upper halves of ymm
  constexpr unsigned kZmmState = 0xE6;                                             // those, masks, both kinds of zmm

  const Registers leaf1 = Cpuid(1, 0);
  if (!HasBits(leaf1.ecx, kOsxsave | kAvx | kFma | kF16c)) return 0;
  const unsigned saved = SavedState();
  const Registers leaf7 = Cpuid(7, 0);
  if (!HasBits(saved, kYmmState) || !HasBits(leaf7.ebx, kAvx2)) return 0;
  const Registers leaf71 = leaf7.eax >= 1 ? Cpuid(7, 1) : Registers{};

  CpuFeatures features = kCpuAvx2;
  if (HasBits(leaf71.eax, kAvxVnni)) features |= kCpuAvxVnni;
  if (HasBits(saved, kZmmState) && HasBits(leaf7.ebx, kAvx512)) {
    features |= kCpuAvx512;
    if (HasBits(leaf7.ecx, kAvx512Vnni)) features |= kCpuAvx512Vnni;
    if (HasBits(leaf71.eax, kAvx512Bf16)) features |= kCpuAvx512Bf16;
  }
  return features;
}

}  // namespace thimble
