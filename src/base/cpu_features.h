// SPDX-License-Identifier: Apache-2.0
// Names of the processor features that kernels may require. sys/cpu detects them; kernels/kernels.cc compares.
#pragma once

#include <cstdint>

namespace thimble {

using CpuFeatures = std::uint32_t;

enum CpuFeature : std::uint32_t {
  kCpuAvx2 = 1u << 0,     // AVX2 + FMA + F16C, and the OS saves ymm
  kCpuAvxVnni = 1u << 1,  // 256-bit vpdpbusd without AVX-512
  kCpuAvx512 = 1u << 2,   // F, BW, DQ, VL, and the OS saves zmm
  kCpuAvx512Vnni = 1u << 3,
  kCpuAvx512Bf16 = 1u << 4,
  kCpuNeon = 1u << 8,
  kCpuNeonDotprod = 1u << 9,
  kCpuNeonI8mm = 1u << 10,
  kCpuWasmSimd = 1u << 16,
  kCpuWasmRelaxed = 1u << 17,
  kCpuWasmX86 = 1u << 18,  // a guess, of what WebAssembly's instructions become
};

}  // namespace thimble
