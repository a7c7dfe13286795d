// SPDX-License-Identifier: Apache-2.0
// Packed products for AVX-512 with VNNI.
#include "kernels/packed_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avx512vnni {
namespace {
#include "kernels/isa/packed_avx512.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kU8Flat
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::avx512vnni
