// SPDX-License-Identifier: Apache-2.0
// Packed products for AVX2.
#include "kernels/packed_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avx2 {
namespace {
#include "kernels/isa/packed_avx2.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_WIDE WideByBlock
#define THIMBLE_WIDE_GROUP 1
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::avx2
