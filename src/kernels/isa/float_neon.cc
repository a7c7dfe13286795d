// SPDX-License-Identifier: Apache-2.0
// Float kernels for NEON.
#include "kernels/float_kernels.h"

#include <arm_neon.h>

namespace thimble::kernels::neon {
namespace {
#include "kernels/isa/float_neon.inl"

#include "kernels/generic/float.inl"

// After float.inl.
#include "kernels/generic/float_attention.inl"
#include "kernels/generic/float_gemm.inl"
}  // namespace
#include "kernels/generic/float_table.inl"
}  // namespace thimble::kernels::neon
