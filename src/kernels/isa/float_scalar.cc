// SPDX-License-Identifier: Apache-2.0
// Float kernels for any processor.
#include "base/half.h"
#include "kernels/float_kernels.h"

namespace thimble::kernels::scalar {
namespace {
#include "kernels/isa/float_portable.inl"

#include "kernels/generic/float.inl"

// After float.inl.
#include "kernels/generic/float_attention.inl"
#include "kernels/generic/float_gemm.inl"
}  // namespace
#include "kernels/generic/float_table.inl"
}  // namespace thimble::kernels::scalar
