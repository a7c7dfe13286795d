// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernels.h"

#include "base/text.h"

#include <array>

namespace thimble::kernels {

// Defined by isa/float_*.cc and isa/packed_*.cc.
namespace scalar {
extern const FloatKernels kFloat;
extern const PackedKernels kPacked;
}  // namespace scalar
#ifdef THIMBLE_KERNELS_X86
namespace avx2 {
extern const FloatKernels kFloat;
extern const PackedKernels kPacked;
}  // namespace avx2
namespace avxvnni {
extern const PackedKernels kPacked;
}
namespace avx512vnni {
extern const FloatKernels kFloat;
extern const PackedKernels kPacked;
}  // namespace avx512vnni
#endif
#ifdef THIMBLE_KERNELS_NEON
namespace neon {
extern const FloatKernels kFloat;
extern const PackedKernels kPacked;
}  // namespace neon
namespace neon_i8mm {
extern const PackedKernels kPacked;
}
namespace neon_mull {
extern const PackedKernels kPacked;
}
#endif
#ifdef THIMBLE_KERNELS_WASM
namespace wasm_simd128 {
extern const FloatKernels kFloat;
extern const PackedKernels kPacked;
}  // namespace wasm_simd128
namespace wasm_simd128_x86 {
extern const PackedKernels kPacked;
}
#endif
#ifdef THIMBLE_KERNELS_WASM_RELAXED
namespace wasm_relaxed {
extern const FloatKernels kFloat;
extern const PackedKernels kPacked;
}  // namespace wasm_relaxed
namespace wasm_relaxed_x86 {
extern const PackedKernels kPacked;
}
#endif

namespace {

constexpr KernelTable kScalar = {"scalar", 0, &scalar::kFloat, &scalar::kPacked};
#ifdef THIMBLE_KERNELS_X86
constexpr KernelTable kAvx2 = {"avx2", kCpuAvx2, &avx2::kFloat, &avx2::kPacked};
constexpr KernelTable kAvx512Vnni = {"avx512vnni", kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni, &avx512vnni::kFloat,
                                     &avx512vnni::kPacked};
constexpr KernelTable kAvxVnni = {"avxvnni", kCpuAvx2 | kCpuAvxVnni, &avx2::kFloat, &avxvnni::kPacked};
constexpr std::array<const KernelTable*, 4> kTables = {&kAvx512Vnni, &kAvxVnni, &kAvx2, &kScalar};
#elif defined(THIMBLE_KERNELS_NEON)
constexpr KernelTable kNeonMull = {"neon_mull", kCpuNeon, &neon::kFloat, &neon_mull::kPacked};
constexpr KernelTable kNeon = {"neon", kCpuNeon | kCpuNeonDotprod, &neon::kFloat, &neon::kPacked};
constexpr KernelTable kNeonI8mm = {"neon_i8mm", kCpuNeon | kCpuNeonDotprod | kCpuNeonI8mm, &neon::kFloat,
                                   &neon_i8mm::kPacked};
constexpr std::array<const KernelTable*, 4> kTables = {&kNeonI8mm, &kNeon, &kNeonMull, &kScalar};
#elif defined(THIMBLE_KERNELS_WASM)
constexpr KernelTable kSimd128 = {"wasm_simd128", kCpuWasmSimd, &wasm_simd128::kFloat, &wasm_simd128::kPacked};
constexpr KernelTable kSimd128X86 = {"wasm_simd128_x86", kCpuWasmSimd | kCpuWasmX86, &wasm_simd128::kFloat,
                                     &wasm_simd128_x86::kPacked};
#ifdef THIMBLE_KERNELS_WASM_RELAXED
constexpr KernelTable kRelaxed = {"wasm_relaxed", kCpuWasmSimd | kCpuWasmRelaxed, &wasm_relaxed::kFloat,
                                  &wasm_relaxed::kPacked};
constexpr KernelTable kRelaxedX86 = {"wasm_relaxed_x86", kCpuWasmSimd | kCpuWasmRelaxed | kCpuWasmX86,
                                     &wasm_relaxed::kFloat, &wasm_relaxed_x86::kPacked};
constexpr std::array<const KernelTable*, 5> kTables = {&kRelaxedX86, &kRelaxed, &kSimd128X86, &kSimd128, &kScalar};
#else
constexpr std::array<const KernelTable*, 3> kTables = {&kSimd128X86, &kSimd128, &kScalar};
#endif
#else
constexpr std::array<const KernelTable*, 1> kTables = {&kScalar};
#endif

}  // namespace

std::span<const KernelTable* const> AllTables() { return kTables; }

Result<const KernelTable*> Choose(CpuFeatures features, std::string_view forced) {
  std::string names;
  for (const KernelTable* table : kTables) {
    const bool can_run = (features & table->needs) == table->needs;
    if (forced.empty() && can_run) return table;
    if (forced == table->name) {
      if (can_run) return table;
      return Error{Code::kUnsupported, Cat("[kernels] this processor cannot run '", forced, "'")};
    }
    names += names.empty() ? "" : ", ";
    names += table->name;
  }
  return Error{Code::kInvalid, Cat("[kernels] no instruction set is called '", forced, "'; there are ", names)};
}

}  // namespace thimble::kernels
