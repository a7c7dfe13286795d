// SPDX-License-Identifier: Apache-2.0
// Packed products for WebAssembly with plain SIMD128, on x86.
#include "kernels/packed_kernels.h"

#include <wasm_simd128.h>

namespace thimble::kernels::wasm_simd128_x86 {
namespace {
#include "kernels/isa/half_wasm.inl"
#include "kernels/isa/packed_wasm.inl"

// After packed_wasm.inl.
#include "kernels/isa/packed_wasm_words.inl"

// After packed_wasm_words.inl.
#include "kernels/isa/packed_wasm_simd128_x86.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kFileRows
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::wasm_simd128_x86
