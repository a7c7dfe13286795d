// SPDX-License-Identifier: Apache-2.0
// WebAssembly: a module that uses an instruction the engine lacks does not load, so what was compiled in is there.
#include "sys/machine.h"

#include <cmath>

namespace thimble {

namespace {

// What a processor makes of 0 / 0 has the sign bit on x86 and not on ARM; WebAssembly leaves it open, and engines leave
// it to the processor. Only speed depends on it.
bool IsX86() {
  const volatile float zero = 0;
  return std::signbit(zero / zero);
}

}  // namespace

CpuFeatures DetectCpuFeatures() {
  CpuFeatures features = 0;
#if defined(__wasm_simd128__)
  features |= kCpuWasmSimd;
  if (IsX86()) features |= kCpuWasmX86;
#endif
#if defined(__wasm_relaxed_simd__)
  features |= kCpuWasmRelaxed;
#endif
  return features;
}

}  // namespace thimble
