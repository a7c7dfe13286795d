// SPDX-License-Identifier: Apache-2.0
#include "model/layers.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/rope.h"

#include <array>

namespace thimble {

void AttentionLayer(const PassContext& pass, const AttentionWeights& weights, std::span<const AttentionPart> parts,
                    MatView<float> out) {
  const ModelConfig& c = pass.config;
  Scratch& s = *pass.scratch;
  const std::int64_t T = pass.num_rows;
  const int H = c.num_heads;
  const int C = c.head;
  const MatView<float> q = s.Rows(&s.qkv, T, static_cast<std::int64_t>(H) * 2 * C);  // per head: query, gate
  const MatView<float> k = s.Rows(&s.k, T, static_cast<std::int64_t>(c.num_kv_heads) * C);
  const MatView<float> v = s.Rows(&s.v, T, static_cast<std::int64_t>(c.num_kv_heads) * C);
  const MatView<float> context = s.Rows(&s.heads, T, static_cast<std::int64_t>(H) * C);
  const MatView<const float> cos = s.Rows(&s.cos, T, c.rotary / 2);
  const MatView<const float> sin = s.Rows(&s.sin, T, c.rotary / 2);

  MatMul(pass.ops, &s.activations, std::array{Product{&weights.q, q}, Product{&weights.k, k}, Product{&weights.v, v}});
  Report(pass.trace, "attn_q_proj", pass.layer, q);
  Report(pass.trace, "attn_v_proj", pass.layer, v);
  // Norm per head before the rotation; gates and values stay as they are.
  for (int head = 0; head < H; ++head)
    RmsNormHeads(pass.ops, q.Cols(static_cast<std::int64_t>(head) * 2 * C, C), weights.q_norm.span(), c.norm_eps);
  RmsNormHeads(pass.ops, k, weights.k_norm.span(), c.norm_eps);
  ApplyRope(pass.ops, q, H, 2 * C, cos, sin);
  ApplyRope(pass.ops, k, c.num_kv_heads, C, cos, sin);
  Report(pass.trace, "attn_k_rope", pass.layer, k);
  for (const auto& [rows, kv, first] : parts) {
    StoreKv(pass.ops, kv, first, k.Rows(rows.row, rows.count), v.Rows(rows.row, rows.count));
    CausalAttention(pass.ops, q.Rows(rows.row, rows.count), H, 2 * C, kv, first, &s.attention,
                    context.Rows(rows.row, rows.count));
  }
  Report(pass.trace, "attn_context", pass.layer, context);
  for (int head = 0; head < H; ++head) {
    SigmoidMul(pass.ops, context.Cols(static_cast<std::int64_t>(head) * C, C),
               q.Cols(static_cast<std::int64_t>(head) * 2 * C + C, C));
  }
  Report(pass.trace, "attn_gated", pass.layer, context);
  s.activations.Set(context);
  MatMul(pass.ops, &s.activations, weights.out, out);
  Report(pass.trace, "attn_o_proj", pass.layer, out);
}

}  // namespace thimble
