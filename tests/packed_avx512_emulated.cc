// SPDX-License-Identifier: Apache-2.0
// The AVX-512 packed kernels over emulated registers, under a namespace of their own, for packed_test.cc.
#include "kernels/packed_kernels.h"

#include "emulated_avx512.h"

namespace thimble::kernels::avx512_emulated {
namespace {
#include "kernels/isa/packed_avx512.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"

}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kU8Flat
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::avx512_emulated
