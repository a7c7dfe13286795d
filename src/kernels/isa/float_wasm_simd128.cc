// SPDX-License-Identifier: Apache-2.0
// Float kernels for WebAssembly with plain SIMD128.
#include "kernels/float_kernels.h"

#include <wasm_simd128.h>

namespace thimble::kernels::wasm_simd128 {
namespace {
#include "kernels/isa/half_wasm.inl"

// After half_wasm.inl.
#include "kernels/isa/float_wasm.inl"

#include "kernels/generic/float.inl"

// After float.inl.
#include "kernels/generic/float_attention.inl"
#include "kernels/generic/float_gemm.inl"
}  // namespace
#include "kernels/generic/float_table.inl"
}  // namespace thimble::kernels::wasm_simd128
