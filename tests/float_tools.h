// SPDX-License-Identifier: Apache-2.0
// What tests of float kernels share: the tables that run here, and numbers.
#pragma once

#include "kernels/kernels.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace thimble::kernels {

#ifdef THIMBLE_TEST_EMULATED_AVX512
namespace avx512_emulated {
extern const FloatKernels kFloat;
}
#endif

struct Named {
  std::string name;
  const FloatKernels* f32;
};
inline std::vector<Named> Kernels() {
  std::vector<Named> all;
#ifdef THIMBLE_TEST_EMULATED_AVX512
  all.push_back({"avx512 emulated", &avx512_emulated::kFloat});
#endif
  for (const KernelTable* table : AllTables()) {
#if defined(__x86_64__)
    if ((table->needs & kCpuAvx2) != 0 && !__builtin_cpu_supports("avx2")) continue;
    if ((table->needs & kCpuAvx512) != 0 && !__builtin_cpu_supports("avx512f")) continue;
#endif
    all.push_back({table->name, table->f32});
  }
  return all;
}

using Floats = std::vector<float>;

// Numbers of exactly `count` floats of memory, so that an address sanitizer sees a test that reads beyond.
inline Floats Normal(std::int64_t count, unsigned seed, float size = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, size);
  Floats values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace thimble::kernels
