// SPDX-License-Identifier: Apache-2.0
// WebAssembly: a module that uses an instruction the engine lacks does not load, so what was compiled in is there.
#include "sys/machine.h"

namespace thimble {

CpuFeatures DetectCpuFeatures() {
  CpuFeatures features = 0;
#if defined(__wasm_simd128__)
  features |= kCpuWasmSimd;
#endif
#if defined(__wasm_relaxed_simd__)
  features |= kCpuWasmRelaxed;
#endif
  return features;
}

}  // namespace thimble
