// SPDX-License-Identifier: Apache-2.0
// Packed products for NEON with dotprod.
#include "kernels/packed_kernels.h"

#include <arm_neon.h>

namespace thimble::kernels::neon {
namespace {
#include "kernels/isa/packed_neon.inl"

// After packed_neon.inl.
#include "kernels/isa/packed_neon_sdot.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kU8Flat
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::neon
