// SPDX-License-Identifier: Apache-2.0
// Packed products for NEON as every 64-bit ARM has it.
#include "kernels/packed_kernels.h"

#include <arm_neon.h>

namespace thimble::kernels::neon_mull {
namespace {
#include "kernels/isa/packed_neon.inl"

// After packed_neon.inl.
#include "kernels/isa/packed_neon_mull.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kFileRows
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::neon_mull
