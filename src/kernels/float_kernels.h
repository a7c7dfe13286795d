// SPDX-License-Identifier: Apache-2.0
// The float32 half of a kernel table. The text of each function stands once in generic/float.inl, compiled per
// instruction set over vectors of its width. Sums over K run in vector lanes that are added at the end in a fixed
// order, so the bits of a result depend on its own numbers only, never on tile shapes or on how many rows are computed
// together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace thimble::kernels {

// out[t, n] = (or += where `adds`) sum over j of a[t, j] * b[j, n], j in order, so that the bits of a sum depend on its
// own row and column only. b is what a KV cache holds of one head: keys with a column for each token, values with a row
// for each.
struct KvProduct {
  const float* a = nullptr;
  std::int64_t a_stride = 0;
  std::int64_t num_t = 0;
  const void* b = nullptr;
  std::int64_t b_stride = 0;      // in numbers
  const float* scales = nullptr;  // of codes: keys [j / 32, n], values [j, n / 32]
  std::int64_t scale_stride = 0;
  std::int64_t num_j = 0;
  std::int64_t num_n = 0;
  float* out = nullptr;
  std::int64_t out_stride = 0;
  bool adds = false;
  std::int64_t ahead = 0;  // what lies this many bytes behind whatever is read of b is fetched into the cache meanwhile
};
// How the numbers of b are stored.
enum class KvCells { kFloats, kHalves, kKeyCodes, kValueCodes };
constexpr int kNumKvCells = 4;

struct FloatKernels {
  // out[t * out_stride + n] = sum over k of x[t * x_stride + k] * w[n * w_stride + k], t < num_t, n < num_n.
  void (*gemm)(const float* x, std::int64_t x_stride, std::int64_t num_t, const float* w, std::int64_t w_stride,
               std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride);
  // The same with weights of 16 bits; the bits of the results are those of gemm over the widened weights.
  void (*gemm_f16)(const float* x, std::int64_t x_stride, std::int64_t num_t, const std::uint16_t* w,
                   std::int64_t w_stride, std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride);
  void (*gemm_bf16)(const float* x, std::int64_t x_stride, std::int64_t num_t, const std::uint16_t* w,
                    std::int64_t w_stride, std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride);
  // out[t * out_stride + n] += sum over j of a[t * a_stride + j] * b[j * b_stride + n], t < num_t, n < num_n, j in
  // order.
  void (*gemm_add)(const float* a, std::int64_t a_stride, std::int64_t num_t, const float* b, std::int64_t b_stride,
                   std::int64_t num_j, std::int64_t num_n, float* out, std::int64_t out_stride);
  // out[n * out_stride + t] = in[t * in_stride + n], t < num_t, n < num_n.
  void (*transpose)(const float* in, std::int64_t in_stride, std::int64_t num_t, std::int64_t num_n, float* out,
                    std::int64_t out_stride);
  void (*f16_to_f32)(const std::uint16_t* in, std::int64_t count, float* out);
  void (*bf16_to_f32)(const std::uint16_t* in, std::int64_t count, float* out);
  void (*f32_to_f16)(const float* in, std::int64_t count, std::uint16_t* out);  // to nearest even
  float (*sum_of_squares)(const float* x, std::int64_t count);
  float (*sum)(const float* x, std::int64_t count);
  float (*sum_of_squared_differences)(const float* x, float mean, std::int64_t count);
  float (*max)(const float* x, std::int64_t count);  // of at least one number
  // out = x * scale * weight; weight may be nullptr (ones).
  void (*scale)(const float* x, float factor, const float* weight, std::int64_t count, float* out);
  // out = (x - mean) * factor * weight + bias.
  void (*normalise)(const float* x, float mean, float factor, const float* weight, const float* bias,
                    std::int64_t count, float* out);
  void (*add)(float* x, const float* y, std::int64_t count);  // x += y
  // out = silu(gate) * up; out may be one of them.
  void (*silu_mul)(const float* gate, const float* up, std::int64_t count, float* out);
  void (*sigmoid_mul)(float* x, const float* gate, std::int64_t count);  // x = x * sigmoid(gate)
  void (*silu)(float* x, std::int64_t count);
  // out[c] = silu(sum over j of w[j * w_stride + c] * x[j][c]), j < taps: one step of a depthwise convolution.
  void (*convolve_silu)(const float* const* x, const float* w, std::int64_t w_stride, int taps, std::int64_t count,
                        float* out);
  void (*gelu_tanh)(float* x, std::int64_t count);
  // x = exp(x - shift); returns the sum.
  float (*exp_shifted)(float* x, float shift, std::int64_t count);
  // An entry for each of KvCells. The others have the bits of the first one over widened numbers.
  void (*kv_multiply[kNumKvCells])(const KvProduct& product);
  // Only b: out [num_j, num_n] floats.
  void (*kv_widen[kNumKvCells])(const KvProduct& product, float* out);
  // Online softmax over the first `count` scores of each row: afterwards scores hold exp(score - maximum),
  // `maxima` the largest so far (-inf at the start, then finite), `sums` the sum of all exponentials, and `keeps` what
  // other sums over earlier scores must be multiplied by. Rows are written in multiples of 16 numbers.
  void (*softmax_rows)(float* scores, std::int64_t stride, std::int64_t num_rows, std::int64_t count, float* maxima,
                       float* sums, float* keeps);
  // One step of the gated delta rule on one head (spec 2.2, step F). state_in and state_out are [dv, dk] (may be the
  // same); q and k are normalised and q is scaled; y is [dv].
  void (*delta_step)(const float* state_in, float* state_out, const float* q, const float* k, const float* v,
                     float decay, float beta, std::int64_t dk, std::int64_t dv, float* y);
  // Rotates pairs (i, i + half), i < half: x0 cos - x1 sin, x1 cos + x0 sin.
  void (*rotate)(float* x, const float* cos, const float* sin, std::int64_t half);
};

}  // namespace thimble::kernels
