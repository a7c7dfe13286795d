// SPDX-License-Identifier: Apache-2.0
// The scalar truth of every file format: one row of blocks -> floats. Everything faster is tested against this.
#pragma once

#include "base/dtype.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

// Widens `cols` elements of a row stored as `dtype` (cols a multiple of its block length; no alignment needed).
using RowToFloatFn = void (*)(const std::byte* blocks, std::int64_t cols, float* out);
// Never nullptr: every DType has one.
RowToFloatFn RowToFloat(DType dtype);

}  // namespace thimble::kernels
