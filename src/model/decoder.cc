// SPDX-License-Identifier: Apache-2.0
#include "model/decoder.h"

#include "base/check.h"
#include "base/text.h"
#include "model/layers.h"
#include "model/scratch.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace thimble {

// Rows of one conversation that go through the layers together with those of others, or alone. Alone they are some of
// one 64-token group of the conversation, or whole groups: which kernels run, and where the delta rule's chunks begin,
// then depends on the groups alone. Beside others they are at most 15, which run alike anywhere.
struct Decoder::Part {
  const Batch* batch;
  DecoderState* state;
  std::int64_t first;  // row of the batch
  std::int64_t count;
  std::int64_t row;  // of the pass
  bool keeps_replay;

  [[nodiscard]] bool is_first() const { return first == 0; }
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

Status Decoder::Reserve(const Batch& batch, DecoderState* state) const {
  const std::int64_t T = batch.num_rows();
  THIMBLE_CHECK(T >= 1 && T <= kMaxRows && state->num_pending_ == 0);
  THIMBLE_CHECK(batch.positions.size() == batch.tokens.size());
  THIMBLE_CHECK(batch.image_row.empty() || batch.image_row.size() == batch.tokens.size());
  THIMBLE_RETURN_IF_ERROR(CheckTokens(batch.tokens, config_->vocab));
  if (state->length_ + T > state->max_tokens_) {
    return Error{Code::kExhausted,
                 Cat("[context] ", state->length_ + T, " tokens do not fit the context of ", state->max_tokens_),
                 {{Advice::kRaiseContext}}};
  }
  return state->Grow(state->length_ + T);
}

Status Decoder::Forward(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                        const Trace* trace) const {
  const std::int64_t T = batch.num_rows();
  THIMBLE_CHECK(batch.logits != LogitRows::kAll || T <= kMaxLogitRows);
  THIMBLE_RETURN_IF_ERROR(Reserve(batch, state));
  // Asked for first: a refusal after the layers ran would leave rows pending.
  const std::int64_t wanted = batch.logits == LogitRows::kAll ? T : batch.logits == LogitRows::kLast ? 1 : 0;
  if (wanted > 0) THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(wanted, config_->vocab));
  const MatView<float> hidden = scratch->Rows(&scratch->hidden_rows, T, config_->width);
  scratch->hidden_view = hidden;

  for (std::int64_t row = 0; row < T;) {
    const std::int64_t position = state->length_ + row;
    const std::int64_t left = T - row;
    const std::int64_t to_boundary = kGroup - position % kGroup;
    std::int64_t count = std::min(left, to_boundary);
    if (to_boundary == kGroup && left >= kGroup) count = left / kGroup * kGroup;
    const Part part{&batch, state, row, count, 0, T <= DecoderState::kMaxPartialRows};
    THIMBLE_RETURN_IF_ERROR(RunParts({&part, 1}, hidden.Rows(row, count), scratch, ops, trace));
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

Status Decoder::Forward(std::span<const Sequence> sequences, Scratch* scratch, const Ops& ops) const {
  if (sequences.size() == 1) return Forward(*sequences[0].batch, sequences[0].state, scratch, ops);
  std::array<Part, kMaxSequences> parts;
  std::int64_t T = 0;
  THIMBLE_CHECK(!sequences.empty() && sequences.size() <= parts.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto& [batch, state] = sequences[i];
    THIMBLE_CHECK(batch->num_rows() <= DecoderState::kMaxPartialRows && batch->logits == LogitRows::kLast);
    THIMBLE_RETURN_IF_ERROR(Reserve(*batch, state));
    parts[i] = Part{batch, state, 0, batch->num_rows(), T, true};
    T += batch->num_rows();
  }
  THIMBLE_CHECK(T <= kMaxRows);
  THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(static_cast<std::int64_t>(sequences.size()), config_->vocab));
  const MatView<float> hidden = scratch->Rows(&scratch->hidden_rows, T, config_->width);
  scratch->hidden_view = hidden;
  // Few rows a conversation: the form for few, whatever they add up to.
  Ops narrow{ops.kernels, ops.pool, ops.precision, true};
  const std::span<const Part> all(parts.data(), sequences.size());
  THIMBLE_RETURN_IF_ERROR(RunParts(all, hidden, scratch, narrow, nullptr));
  // The last row of each, side by side.
  const MatView<float> last = scratch->Rows(&scratch->normed, static_cast<std::int64_t>(all.size()), config_->width);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::memcpy(last.Row(static_cast<std::int64_t>(i)), hidden.Row(all[i].row + all[i].count - 1),
                static_cast<std::size_t>(config_->width) * sizeof(float));
  }
  THIMBLE_RETURN_IF_ERROR(Head(last, scratch, narrow));
  THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
  for (const Part& part : all) part.state->num_pending_ = static_cast<int>(part.count);
  return Done{};
}

// Embeddings or picture rows, and the rotation's table, of every part in its place.
void Decoder::BeginPass(std::span<const Part> parts, std::int64_t num_rows, Scratch* scratch, const Ops& ops) const {
  const ModelConfig& c = *config_;
  Scratch& s = *scratch;
  for (const Part& part : parts) {
    const auto first = static_cast<std::size_t>(part.first);
    const auto count = static_cast<std::size_t>(part.count);
    const Batch& batch = *part.batch;
    const MatView<float> x = s.Rows(&s.x, num_rows, c.width).Rows(part.row, part.count);
    EmbedRows(ops, weights_->embedding, batch.tokens.subspan(first, count), x);
    for (std::size_t t = 0; t < count && !batch.image_row.empty(); ++t) {
      const std::int32_t row = batch.image_row[first + t];
      if (row < 0) continue;
      THIMBLE_CHECK(row < batch.image_rows.rows && batch.image_rows.cols == c.width);
      std::memcpy(x.Row(static_cast<std::int64_t>(t)), batch.image_rows.Row(row),
                  static_cast<std::size_t>(c.width) * sizeof(float));
    }
    TextRopeTable(batch.positions.subspan(first, count), c.rotary, c.rope_theta, c.rope_sections,
                  s.Rows(&s.cos, num_rows, c.rotary / 2).Rows(part.row, part.count),
                  s.Rows(&s.sin, num_rows, c.rotary / 2).Rows(part.row, part.count));
  }
}

DeltaMemory Decoder::MemoryOf(const Part& part, int delta_layer) {
  DecoderState* state = part.state;
  const int pending = state->committed_half_ ^ 1;
  const float* in = state->Recurrent(part.is_first() ? state->committed_half_ : pending, delta_layer);
  float* out = state->Recurrent(pending, delta_layer);
  float* replay = nullptr;
  if (part.keeps_replay) {
    const auto row =
        static_cast<std::size_t>(delta_layer) * DecoderState::kMaxPartialRows + static_cast<std::size_t>(part.first);
    replay = state->replay_.data() + row * state->replay_floats_;
  }
  return {in, in + state->state_floats_, out, out + state->state_floats_, replay};
}

Status Decoder::RunParts(std::span<const Part> parts, MatView<float> hidden, Scratch* scratch, const Ops& ops,
                         const Trace* trace) const {
  const ModelConfig& c = *config_;
  Scratch& s = *scratch;
  const std::int64_t T = hidden.rows;
  const MatView<float> x = s.Rows(&s.x, T, c.width);
  const MatView<float> normed = s.Rows(&s.normed, T, c.width);
  const MatView<float> mixed = s.Rows(&s.mixed, T, c.width);
  std::array<AttentionPart, kMaxSequences> attention;
  std::array<DeltaPart, kMaxSequences> delta;
  BeginPass(parts, T, scratch, ops);
  Report(trace, "embeddings", 0, x);

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
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const Part& part = parts[i];
        attention[i] = {{part.row, part.count}, part.state->Kv(attention_layer), part.state->length_ + part.first};
      }
      AttentionLayer(pass, *w.attention, std::span(attention).first(parts.size()), mixed);
      ++attention_layer;
    } else {
      for (std::size_t i = 0; i < parts.size(); ++i)
        delta[i] = {{parts[i].row, parts[i].count}, MemoryOf(parts[i], delta_layer)};
      DeltaLayer(pass, *w.delta, std::span(delta).first(parts.size()), mixed);
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
