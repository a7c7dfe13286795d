// SPDX-License-Identifier: Apache-2.0
// Packed products for AVX-VNNI: 256-bit vpdpbusd on processors without AVX-512.
#include "kernels/packed_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avxvnni {
namespace {
#include "kernels/isa/packed_avx2.inl"
#include "kernels/isa/packed_avxvnni.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kU8Flat
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::avxvnni
