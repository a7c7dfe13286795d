// SPDX-License-Identifier: Apache-2.0
#include "ops/elementwise.h"

#include "base/check.h"
#include "ops/rows.h"

#include <cmath>

namespace thimble {

void RmsNorm(const Ops& ops, MatView<const float> x, std::span<const float> weight, float eps, MatView<float> out) {
  ForEachRow(ops, x.rows, x.cols, [&](std::int64_t t) {
    const float* row = x.Row(t);
    const float mean = ops.kernels.f32->sum_of_squares(row, x.cols) / static_cast<float>(x.cols);
    ops.kernels.f32->scale(row, 1.0F / std::sqrt(mean + eps), weight.data(), x.cols, out.Row(t));
  });
}

void RmsNormHeads(const Ops& ops, MatView<float> x, std::span<const float> weight, float eps) {
  const auto head = static_cast<std::int64_t>(weight.size());
  ForEachRow(ops, x.rows, x.cols, [&](std::int64_t t) {
    for (std::int64_t first = 0; first + head <= x.cols; first += head) {
      float* row = x.Row(t) + first;
      const float mean = ops.kernels.f32->sum_of_squares(row, head) / static_cast<float>(head);
      ops.kernels.f32->scale(row, 1.0F / std::sqrt(mean + eps), weight.data(), head, row);
    }
  });
}

void LayerNorm(const Ops& ops, MatView<const float> x, std::span<const float> weight, std::span<const float> bias,
               float eps, MatView<float> out) {
  ForEachRow(ops, x.rows, x.cols, [&](std::int64_t t) {
    const float* row = x.Row(t);
    const auto count = static_cast<float>(x.cols);
    const float mean = ops.kernels.f32->sum(row, x.cols) / count;
    // Squares of differences, not difference of squares: the latter loses digits when the mean is large.
    const float squares = ops.kernels.f32->sum_of_squared_differences(row, mean, x.cols);
    const float factor = 1.0F / std::sqrt(squares / count + eps);
    ops.kernels.f32->normalise(row, mean, factor, weight.data(), bias.data(), x.cols, out.Row(t));
  });
}

void AddInPlace(const Ops& ops, MatView<float> x, MatView<const float> y) {
  ForEachRow(ops, x.rows, x.cols, [&](std::int64_t t) { ops.kernels.f32->add(x.Row(t), y.Row(t), x.cols); });
}

void AddBias(const Ops& ops, MatView<float> x, std::span<const float> bias) {
  ForEachRow(ops, x.rows, x.cols, [&](std::int64_t t) { ops.kernels.f32->add(x.Row(t), bias.data(), x.cols); });
}

void SiluMul(const Ops& ops, MatView<float> gate, MatView<const float> up) {
  ForEachRow(ops, gate.rows, 4 * gate.cols,
             [&](std::int64_t t) { ops.kernels.f32->silu_mul(gate.Row(t), up.Row(t), gate.cols, gate.Row(t)); });
}

void SigmoidMul(const Ops& ops, MatView<float> x, MatView<const float> gate) {
  ForEachRow(ops, x.rows, 4 * x.cols,
             [&](std::int64_t t) { ops.kernels.f32->sigmoid_mul(x.Row(t), gate.Row(t), x.cols); });
}

void Gelu(const Ops& ops, MatView<float> x, GeluForm form) {
  ForEachRow(ops, x.rows, 8 * x.cols, [&](std::int64_t t) {
    float* row = x.Row(t);
    if (form == GeluForm::kTanh) {
      ops.kernels.f32->gelu_tanh(row, x.cols);
      return;
    }
    // 0.5 x (1 + erf(x / sqrt 2)); only the merger has it, on a quarter of the rows.
    for (std::int64_t i = 0; i < x.cols; ++i) row[i] = 0.5F * row[i] * (1.0F + std::erf(row[i] * 0.70710678F));
  });
}

}  // namespace thimble
