// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

#include "base/check.h"
#include "base/text.h"
#include "model/layers.h"
#include "model/scratch.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"

#include <algorithm>
#include <cstring>

namespace thimble {

// Rows of one pass that go through the layers together: either some of one 64-token group of the conversation, or whole
// groups. Which kernels run, and where the delta rule's chunks begin, then depends on the groups alone.
struct Decoder::Segment {
  std::int64_t first;  // row of the batch
  std::int64_t count;
  bool is_first;
  bool keeps_replay;
};

namespace {
constexpr std::int64_t kGroup = 64;
}  // namespace

Status CheckNotStopped(const ThreadPool& pool) {
  if (pool.is_stopped()) return Error{Code::kCancelled, "[decoder] cancelled"};
  return Done{};
}

Status CheckTokens(std::span<const std::int32_t> tokens, int vocab) {
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocab)
      return Error{Code::kInvalid, Cat("[decoder] token ids are from 0 to ", vocab - 1, ", found ", token)};
  }
  return Done{};
}

Status Decoder::Forward(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                        const Trace* trace) const {
  const std::int64_t T = batch.num_rows();
  THIMBLE_CHECK(T >= 1 && T <= kMaxRows && state->num_pending_ == 0);
  THIMBLE_CHECK(batch.logits != LogitRows::kAll || T <= kMaxLogitRows);
  THIMBLE_CHECK(batch.positions.size() == batch.tokens.size());
  THIMBLE_CHECK(batch.image_row.empty() || batch.image_row.size() == batch.tokens.size());
  THIMBLE_RETURN_IF_ERROR(CheckTokens(batch.tokens, config_->vocab));
  if (state->length_ + T > state->max_tokens_) {
    return Error{Code::kExhausted, Cat("[context] ", state->length_ + T, " tokens do not fit the context of ",
                                       state->max_tokens_, "; a larger --context helps")};
  }
  THIMBLE_RETURN_IF_ERROR(state->Grow(state->length_ + T));
  // Asked for first: a refusal after the layers ran would leave rows pending.
  const std::int64_t wanted = batch.logits == LogitRows::kAll ? T : batch.logits == LogitRows::kLast ? 1 : 0;
  if (wanted > 0) THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(wanted, config_->vocab));
  scratch->hidden_view = scratch->Rows(&scratch->hidden_rows, T, config_->width);

  for (std::int64_t row = 0; row < T;) {
    const std::int64_t position = state->length_ + row;
    const std::int64_t left = T - row;
    const std::int64_t to_boundary = kGroup - position % kGroup;
    std::int64_t count = std::min(left, to_boundary);
    if (to_boundary == kGroup && left >= kGroup) count = left / kGroup * kGroup;
    const Segment segment{row, count, row == 0, T <= DecoderState::kMaxPartialRows};
    THIMBLE_RETURN_IF_ERROR(RunSegment(batch, segment, state, scratch, ops, trace));
    row += count;
  }
  if (wanted > 0) {
    THIMBLE_RETURN_IF_ERROR(Head(scratch->hidden_view.Rows(T - wanted, wanted), scratch, ops, batch.best));
  }
  // A stop stays: if there is none now, nothing was left out.
  THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
  state->num_pending_ = static_cast<int>(T);
  return Done{};
}

Status Decoder::RunSegment(const Batch& batch, const Segment& segment, DecoderState* state, Scratch* scratch,
                           const Ops& ops, const Trace* trace) const {
  const ModelConfig& c = *config_;
  Scratch& s = *scratch;
  const std::int64_t T = segment.count;
  const MatView<float> x = s.Rows(&s.x, T, c.width);
  const MatView<float> normed = s.Rows(&s.normed, T, c.width);
  const MatView<float> mixed = s.Rows(&s.mixed, T, c.width);
  const auto first = static_cast<std::size_t>(segment.first);
  const auto count = static_cast<std::size_t>(T);

  EmbedRows(ops, weights_->embedding, batch.tokens.subspan(first, count), x);
  for (std::size_t t = 0; t < count && !batch.image_row.empty(); ++t) {
    const std::int32_t row = batch.image_row[first + t];
    if (row < 0) continue;
    THIMBLE_CHECK(row < batch.image_rows.rows && batch.image_rows.cols == c.width);
    std::memcpy(x.Row(static_cast<std::int64_t>(t)), batch.image_rows.Row(row),
                static_cast<std::size_t>(c.width) * sizeof(float));
  }
  Report(trace, "embeddings", 0, x);
  TextRopeTable(batch.positions.subspan(first, count), c.rotary, c.rope_theta, c.rope_sections,
                s.Rows(&s.cos, T, c.rotary / 2), s.Rows(&s.sin, T, c.rotary / 2));

  const int pending = state->committed_half_ ^ 1;
  const int from = segment.is_first ? state->committed_half_ : pending;
  int attention_layer = 0;
  int delta_layer = 0;
  for (int layer = 0; layer < c.num_layers(); ++layer) {
    THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
    const LayerWeights& w = weights_->layers[static_cast<std::size_t>(layer)];
    const PassContext pass{c, ops, scratch, T, trace, layer};
    // x = x + mixer(norm(x))
    RmsNorm(ops, x, w.mixer_norm.span(), c.norm_eps, normed);
    Report(trace, "mixer_norm", layer, normed);
    s.activations.Set(normed);
    if (w.attention.has_value()) {
      AttentionLayer(pass, *w.attention, state->Kv(attention_layer++), state->length_ + segment.first, mixed);
    } else {
      const float* in = state->Recurrent(from, delta_layer);
      float* out = state->Recurrent(pending, delta_layer);
      float* replay = nullptr;
      if (segment.keeps_replay) {
        replay =
            state->replay_.data() +
            (static_cast<std::size_t>(delta_layer) * DecoderState::kMaxPartialRows + first) * state->replay_floats_;
      }
      DeltaLayer(pass, *w.delta, {in, in + state->state_floats_, out, out + state->state_floats_, replay}, mixed);
      ++delta_layer;
    }
    AddInPlace(ops, x, mixed);
    // x = x + mlp(norm(x))
    RmsNorm(ops, x, w.mlp_norm.span(), c.norm_eps, normed);
    Report(trace, "mlp_norm", layer, normed);
    s.activations.Set(normed);
    MlpLayer(pass, w.mlp, mixed);
    Report(trace, "mlp", layer, mixed);
    AddInPlace(ops, x, mixed);
    Report(trace, "layer_out", layer, x);
  }
  const MatView<float> hidden(s.hidden_rows.data() + segment.first * c.width, T, c.width);
  RmsNorm(ops, x, weights_->final_norm.span(), c.norm_eps, hidden);
  Report(trace, "final_norm", 0, hidden);
  return Done{};
}

void Decoder::Commit(int num_tokens, DecoderState* state, Scratch* scratch, const Ops& ops) const {
  THIMBLE_CHECK(num_tokens >= 0 && num_tokens <= state->num_pending_);
  if (num_tokens == 0) {
    state->DropPending();
    return;
  }
  if (num_tokens < state->num_pending_) {
    THIMBLE_CHECK(state->num_pending_ <= DecoderState::kMaxPartialRows);
    const UnstoppableScope whole(&ops.pool);  // a state of which a part was replayed is none
    const int pending = state->committed_half_ ^ 1;
    int delta_layer = 0;
    for (int layer = 0; layer < config_->num_layers(); ++layer) {
      const LayerWeights& w = weights_->layers[static_cast<std::size_t>(layer)];
      if (!w.delta.has_value()) continue;
      const PassContext pass{*config_, ops, scratch, num_tokens, nullptr, layer};
      const float* in = state->Recurrent(state->committed_half_, delta_layer);
      float* out = state->Recurrent(pending, delta_layer);
      float* replay = state->replay_.data() +
                      static_cast<std::size_t>(delta_layer) * DecoderState::kMaxPartialRows * state->replay_floats_;
      ReplayDelta(pass, *w.delta, {in, in + state->state_floats_, out, out + state->state_floats_, replay});
      ++delta_layer;
    }
    state->num_pending_ = num_tokens;
  }
  state->CommitAll();
}

Status Decoder::Head(MatView<const float> hidden, Scratch* scratch, const Ops& ops, const BestLogits* best) const {
  THIMBLE_CHECK(hidden.rows >= 1 && hidden.rows <= kMaxLogitRows);
  THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(hidden.rows, config_->vocab));
  scratch->activations.Set(hidden);
  if (best != nullptr && weights_->screen.has_value() && hidden.rows == 1 &&
      weights_->screen->Compute(ops, weights_->head(), *best, &scratch->activations, &scratch->screen,
                                scratch->logits_view.RowSpan(0)))
    return Done{};
  MatMul(ops, &scratch->activations, weights_->head(), scratch->logits_view);
  return Done{};
}

}  // namespace thimble
