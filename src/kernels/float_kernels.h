// SPDX-License-Identifier: Apache-2.0
// The float32 half of a kernel table: the text of each stands once in generic/*.inl, compiled per instruction set.
#pragma once

#include <cstdint>

namespace thimble::kernels {

struct FloatKernels {
  // out[t * out_stride + n] = sum over k of x[t * x_stride + k] * w[n * w_stride + k], t < rows_t, n < rows_n, float32.
  // A result's bits depend only on its own row and column of numbers, not on rows_t, rows_n or its place.
  void (*gemm)(const float* x, std::int64_t x_stride, std::int64_t rows_t, const float* w, std::int64_t w_stride,
               std::int64_t rows_n, std::int64_t k, float* out, std::int64_t out_stride);
};

}  // namespace thimble::kernels
