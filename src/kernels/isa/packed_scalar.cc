// SPDX-License-Identifier: Apache-2.0
// Packed products for any processor: the truth that the others are tested against.
#include "kernels/packed_kernels.h"

namespace thimble::kernels::scalar {
namespace {
#include "kernels/isa/packed_scalar.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kFileRows
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::scalar
