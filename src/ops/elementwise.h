// SPDX-License-Identifier: Apache-2.0
// Operations on rows: norms, activations, sums. Rows are independent; work is split by rows, or by columns of few rows.
#pragma once

#include "base/mat_view.h"
#include "ops/ops.h"

#include <span>

namespace thimble {

// out = x * rsqrt(mean(x^2) + eps) * weight, per row. weight [D] is the full factor (1 + w of the checkpoint). out may
// be x.
void RmsNorm(const Ops& ops, MatView<const float> x, std::span<const float> weight, float eps, MatView<float> out);
// The same over each of `cols / weight.size()` heads of every row.
void RmsNormHeads(const Ops& ops, MatView<float> x, std::span<const float> weight, float eps);
// out = (x - mean) * rsqrt(var + eps) * weight + bias, per row. out may be x.
void LayerNorm(const Ops& ops, MatView<const float> x, std::span<const float> weight, std::span<const float> bias,
               float eps, MatView<float> out);
// x[t] += y[t].
void AddInPlace(const Ops& ops, MatView<float> x, MatView<const float> y);
// x[t] += bias.
void AddBias(const Ops& ops, MatView<float> x, std::span<const float> bias);
// gate = silu(gate) * up, silu(z) = z / (1 + exp(-z)).
void SiluMul(const Ops& ops, MatView<float> gate, MatView<const float> up);
// x = x * sigmoid(gate).
void SigmoidMul(const Ops& ops, MatView<float> x, MatView<const float> gate);
enum class GeluForm { kTanh, kErf };
void Gelu(const Ops& ops, MatView<float> x, GeluForm form);

}  // namespace thimble
