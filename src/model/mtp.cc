// SPDX-License-Identifier: Apache-2.0
#include "model/mtp.h"

#include "base/check.h"
#include "base/text.h"
#include "model/decoder.h"
#include "model/layers.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"

namespace thimble {

Result<DecoderState> MtpHead::CreateState(int max_tokens, KvType kv_type) const {
  ModelConfig one_layer = *config_;
  one_layer.layers = {LayerKind::kAttention};
  return DecoderState::Create(one_layer, max_tokens, kv_type);
}

Status MtpHead::Forward(MatView<const float> hidden, std::span<const std::int32_t> tokens,
                        std::span<const Position> positions, const LogitRequest& wanted, DecoderState* state,
                        Scratch* scratch, const Ops& ops) const {
  const ModelConfig& c = *config_;
  const MtpWeights& w = *weights_->mtp;
  Scratch& s = *scratch;
  const auto T = static_cast<std::int64_t>(tokens.size());
  THIMBLE_CHECK(T >= 1 && T <= Decoder::kMaxRows && hidden.rows == T && state->num_pending_ == 0);
  THIMBLE_RETURN_IF_ERROR(CheckTokens(tokens, c.vocab));
  if (state->length_ + T > state->max_tokens_) {
    return Error{Code::kExhausted,
                 Cat("[context] ", state->length_ + T, " draft rows do not fit the context of ", state->max_tokens_)};
  }
  THIMBLE_RETURN_IF_ERROR(state->Grow(state->length_ + T));
  const MatView<float> x = s.Rows(&s.x, T, c.width);
  const MatView<float> normed = s.Rows(&s.normed, T, c.width);
  const MatView<float> mixed = s.Rows(&s.mixed, T, c.width);
  const MatView<float> pair = s.Rows(&s.pair, T, 2 * static_cast<std::int64_t>(c.width));
  TextRopeTable(positions, c.rotary, c.rope_theta, c.rope_sections, s.Rows(&s.cos, T, c.rotary / 2),
                s.Rows(&s.sin, T, c.rotary / 2));

  // x = fc [norm(embedding) ; norm(hidden)]
  EmbedRows(ops, weights_->embedding, tokens, x);
  RmsNorm(ops, x, w.embedding_norm.span(), c.norm_eps, pair.Cols(0, c.width));
  RmsNorm(ops, hidden, w.hidden_norm.span(), c.norm_eps, pair.Cols(c.width, c.width));
  s.activations.Set(pair);
  MatMul(ops, &s.activations, w.fc, x);

  const PassContext pass{c, ops, scratch, T, nullptr, c.num_layers()};
  RmsNorm(ops, x, w.layer.mixer_norm.span(), c.norm_eps, normed);
  s.activations.Set(normed);
  const AttentionPart part{{0, T}, state->Kv(0), state->length_};
  AttentionLayer(pass, *w.layer.attention, {&part, 1}, mixed);
  AddInPlace(ops, x, mixed);
  RmsNorm(ops, x, w.layer.mlp_norm.span(), c.norm_eps, normed);
  s.activations.Set(normed);
  MlpLayer(pass, w.layer.mlp, mixed);
  AddInPlace(ops, x, mixed);
  const MatView<float> rows = s.Rows(&s.draft_rows, T, c.width);
  RmsNorm(ops, x, w.final_norm.span(), c.norm_eps, rows);
  s.draft_view = rows;
  if (wanted.rows != LogitRows::kNone)
    THIMBLE_RETURN_IF_ERROR(Decoder(config_, weights_).Head(rows.Rows(T - 1, 1), scratch, ops, wanted));
  THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
  state->num_pending_ = static_cast<int>(T);
  state->CommitAll();
  return Done{};
}

void MtpHead::Truncate(int length, DecoderState* state) {
  THIMBLE_CHECK(length >= 0 && length <= state->length_ && state->num_pending_ == 0);
  state->length_ = length;
}

}  // namespace thimble
