// SPDX-License-Identifier: Apache-2.0
// What is the same on every machine: names of processor features, the clock.
#include "sys/machine.h"

#include <array>
#include <chrono>
#include <string_view>
#include <utility>

namespace thimble {

std::string CpuFeatureNames(CpuFeatures features) {
  constexpr std::array<std::pair<CpuFeature, std::string_view>, 11> kNames = {{
      {kCpuAvx2, "avx2"},
      {kCpuAvxVnni, "avxvnni"},
      {kCpuAvx512, "avx512"},
      {kCpuAvx512Vnni, "avx512vnni"},
      {kCpuAvx512Bf16, "avx512bf16"},
      {kCpuNeon, "neon"},
      {kCpuNeonDotprod, "neon_dotprod"},
      {kCpuNeonI8mm, "neon_i8mm"},
      {kCpuWasmSimd, "wasm_simd"},
      {kCpuWasmRelaxed, "wasm_relaxed"},
      {kCpuWasmX86, "wasm_x86"},
  }};
  std::string names;
  for (const auto& [feature, name] : kNames) {
    if ((features & feature) == 0) continue;
    if (!names.empty()) names.push_back(' ');
    names.append(name);
  }
  return names;
}

double MonotonicSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace thimble
