// SPDX-License-Identifier: Apache-2.0
// Float kernels for AVX-512.
#include "kernels/float_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avx512vnni {
namespace {
#include "kernels/isa/float_avx512.inl"

#include "kernels/generic/float.inl"

// After float.inl.
#include "kernels/generic/float_attention.inl"
#include "kernels/generic/float_gemm.inl"
}  // namespace
#include "kernels/generic/float_table.inl"
}  // namespace thimble::kernels::avx512vnni
