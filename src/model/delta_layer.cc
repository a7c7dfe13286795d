// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"
#include "ops/delta_net.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"

#include <array>
#include <cstring>

namespace thimble {

namespace {

// Convolution and delta rule over a conversation's rows, whose projections are there; outputs in their places of
// scratch->heads.
void Recur(const PassContext& pass, const DeltaWeights& weights, const DeltaPart& part, MatView<const float> qkv,
           MatView<const float> alpha, MatView<const float> beta) {
  const ModelConfig& c = pass.config;
  Scratch& s = *pass.scratch;
  const DeltaMemory& memory = part.memory;
  const auto [row, count] = part.rows;
  const std::int64_t channels = c.conv_channels();
  const std::int64_t past = c.conv_taps - 1;
  const std::int64_t width = static_cast<std::int64_t>(c.delta.num_value_heads) * c.delta.value_head;
  const MatView<float> convolved = s.Rows(&s.convolved, row + count, channels).Rows(row, count);
  const MatView<float> heads = s.Rows(&s.heads, row + count, width).Rows(row, count);
  ShortConvolution(pass.ops, qkv, {memory.in_tail, past, channels}, weights.conv.span(), c.conv_taps, convolved,
                   {memory.out_tail, past, channels});
  Report(pass.trace, "gdn_qkv", pass.layer, convolved);
  const DeltaInputs inputs{convolved, alpha, beta, weights.a.span(), weights.dt_bias.span()};
  GatedDeltaRule(pass.ops, c.delta, inputs, memory.in_state, memory.out_state, &s.delta, heads);
  Report(pass.trace, "gdn_delta_out", pass.layer, heads);
}

}  // namespace

void DeltaLayer(const PassContext& pass, const DeltaWeights& weights, std::span<const DeltaPart> parts,
                MatView<float> out) {
  const ModelConfig& c = pass.config;
  Scratch& s = *pass.scratch;
  const std::int64_t T = pass.num_rows;
  const std::int64_t U = c.delta.num_value_heads;
  const std::int64_t channels = c.conv_channels();
  const MatView<float> qkv = s.Rows(&s.qkv, T, channels);
  const MatView<float> z = s.Rows(&s.z, T, U * c.delta.value_head);
  const MatView<float> heads = s.Rows(&s.heads, T, U * c.delta.value_head);
  const MatView<float> gates = s.Rows(&s.gates, T, 2 * U);
  const MatView<float> alpha = gates.Cols(0, U);
  const MatView<float> beta = gates.Cols(U, U);

  MatMul(pass.ops, &s.activations,
         std::array{Product{&weights.qkv, qkv}, Product{&weights.z, z}, Product{&weights.alpha, alpha},
                    Product{&weights.beta, beta}});
  Report(pass.trace, "gdn_in_proj_qkv", pass.layer, qkv);
  Report(pass.trace, "gdn_in_proj_z", pass.layer, z);
  Report(pass.trace, "gdn_in_proj_a", pass.layer, alpha);
  Report(pass.trace, "gdn_in_proj_b", pass.layer, beta);
  for (const DeltaPart& part : parts) {
    const auto [first, count] = part.rows;
    for (std::int64_t t = 0; t < count && part.memory.replay != nullptr; ++t) {
      float* row = part.memory.replay + t * (channels + 2 * U);
      std::memcpy(row, qkv.Row(first + t), static_cast<std::size_t>(channels) * sizeof(float));
      std::memcpy(row + channels, gates.Row(first + t), static_cast<std::size_t>(2 * U) * sizeof(float));
    }
    Recur(pass, weights, part, qkv.Rows(first, count), alpha.Rows(first, count), beta.Rows(first, count));
  }
  GatedRmsNorm(pass.ops, heads, z, weights.head_norm.span(), c.norm_eps, heads);
  Report(pass.trace, "gdn_gated_norm", pass.layer, heads);
  s.activations.Set(heads);
  MatMul(pass.ops, &s.activations, weights.out, out);
  Report(pass.trace, "gdn_out_proj", pass.layer, out);
}

void ReplayDelta(const PassContext& pass, const DeltaWeights& weights, const DeltaMemory& memory) {
  const std::int64_t U = pass.config.delta.num_value_heads;
  const std::int64_t channels = pass.config.conv_channels();
  const MatView<const float> kept(memory.replay, pass.num_rows, channels + 2 * U);
  const DeltaPart part{{0, pass.num_rows}, memory};
  Recur(pass, weights, part, kept.Cols(0, channels), kept.Cols(channels, U), kept.Cols(channels + U, U));
}

}  // namespace thimble
