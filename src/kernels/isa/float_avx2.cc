// SPDX-License-Identifier: Apache-2.0
// Float kernels for AVX2 with FMA and F16C.
#include "kernels/float_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avx2 {
namespace {
#include "kernels/isa/float_avx2.inl"

#include "kernels/generic/float.inl"

// After float.inl.
#include "kernels/generic/float_attention.inl"
#include "kernels/generic/float_gemm.inl"
}  // namespace
#include "kernels/generic/float_table.inl"
}  // namespace thimble::kernels::avx2
