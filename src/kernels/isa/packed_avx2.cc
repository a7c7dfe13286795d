// SPDX-License-Identifier: Apache-2.0
// Packed products for AVX2.
#include "kernels/packed_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avx2 {
namespace {
#include "kernels/isa/packed_avx2.inl"
#include "kernels/isa/packed_avx2_pairs.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"

// After packed_wide.inl.
#include "kernels/generic/packed_scaled.inl"
}  // namespace
#define THIMBLE_NARROW_SUPER NarrowScaled
#define THIMBLE_WIDE WideScaled
#define THIMBLE_ROUNDED_FLOATS Family::kU7Flat
#define THIMBLE_HAS_ONE_FORM true
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::avx2
