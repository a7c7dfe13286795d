// SPDX-License-Identifier: Apache-2.0
#include "kernels/peak.h"

#include "base/check.h"

#include <string_view>

namespace thimble::kernels {

// Defined by isa/peak_*.cc.
namespace scalar {
extern const PeakKernels kPeak;
}
#ifdef THIMBLE_KERNELS_X86
namespace avx2 {
extern const PeakKernels kPeak;
}
namespace avxvnni {
extern const MultiplyAddsFn kInt8Peak;
}
namespace avx512vnni {
extern const PeakKernels kPeak;
}
#endif

#ifdef THIMBLE_KERNELS_NEON
namespace neon {
extern const PeakKernels kPeak;
}
namespace neon_mull {
extern const PeakKernels kPeak;
}
#endif

PeakKernels PeakOf(const KernelTable& table) {
  struct Entry {
    std::string_view name;
    const PeakKernels* kernels;
    const MultiplyAddsFn* int8 = nullptr;  // in place of those
  };
  constexpr Entry kEntries[] = {
#ifdef THIMBLE_KERNELS_X86
      {"avx512vnni", &avx512vnni::kPeak},
      {"avxvnni", &avx2::kPeak, &avxvnni::kInt8Peak},
      {"avx2", &avx2::kPeak},
#endif
#ifdef THIMBLE_KERNELS_NEON
      {"neon_i8mm", &neon::kPeak},
      {"neon", &neon::kPeak},
      {"neon_mull", &neon_mull::kPeak},
#endif
#ifdef THIMBLE_KERNELS_WASM
      // Browsers have no `thimble bench`; the loops of any processor stand in.
      {"wasm_relaxed", &scalar::kPeak},
      {"wasm_relaxed_x86", &scalar::kPeak},
      {"wasm_simd128", &scalar::kPeak},
      {"wasm_simd128_x86", &scalar::kPeak},
#endif
      {"scalar", &scalar::kPeak},
  };
  for (const Entry& entry : kEntries) {
    if (entry.name != table.name) continue;
    PeakKernels peak = *entry.kernels;
    if (entry.int8 != nullptr) peak.int8_multiply_adds = *entry.int8;
    return peak;
  }
  THIMBLE_CHECK(false);  // an instruction set without its limits: peak_test.cc finds that first
  return scalar::kPeak;
}

}  // namespace thimble::kernels
