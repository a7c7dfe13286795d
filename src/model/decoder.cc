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
#include <limits>
#include <vector>

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
// Of the head's panels, at most so many are computed one by one.
constexpr double kMostOfHead = 0.5;
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
  THIMBLE_CHECK(batch.picture_rows.empty() || batch.picture_rows.size() == batch.tokens.size());
  THIMBLE_RETURN_IF_ERROR(CheckTokens(batch.tokens, config_->vocab));
  if (state->length_ + T > state->max_tokens_) {
    return Error{Code::kExhausted,
                 Cat("[context] ", state->length_ + T, " tokens do not fit the context of ", state->max_tokens_),
                 {{Advice::kRaiseContext}}};
  }
  return state->Grow(state->length_ + T);
}

// What a pass works with: parts that go through the layers together, T rows in all.
struct Decoder::Run {
  std::span<const Part> parts;
  std::int64_t num_rows;
  Scratch* scratch;
  const Ops& ops;
  const Trace* trace;

  [[nodiscard]] MatView<float> X(int width) const { return scratch->Rows(&scratch->x, num_rows, width); }
};

Status Decoder::Forward(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                        const Trace* trace) const {
  UnfinishedPass whole;
  THIMBLE_ASSIGN_OR_RETURN(const bool is_done, RunPass(batch, state, scratch, ops, trace, {}, &whole));
  THIMBLE_CHECK(is_done);
  return Done{};
}

Result<bool> Decoder::ForwardSome(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                                  const std::function<bool()>& goes_on, UnfinishedPass* at) const {
  THIMBLE_CHECK(batch.logits.rows != LogitRows::kAll);
  auto is_done = RunPass(batch, state, scratch, ops, nullptr, goes_on, at);
  if (!is_done.ok() || is_done.value()) *at = UnfinishedPass();
  return is_done;
}

// Rows of a pass alone that go through the layers together: what is left of a 64-token group, or whole groups.
std::int64_t Decoder::RowsTogether(std::int64_t position, std::int64_t left) {
  const std::int64_t to_boundary = kGroup - position % kGroup;
  if (to_boundary == kGroup && left >= kGroup) return left / kGroup * kGroup;
  return std::min(left, to_boundary);
}

Result<bool> Decoder::RunPass(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                              const Trace* trace, const std::function<bool()>& goes_on, UnfinishedPass* at) const {
  const std::int64_t T = batch.num_rows();
  THIMBLE_CHECK(batch.logits.rows != LogitRows::kAll || T <= kMaxLogitRows);
  THIMBLE_RETURN_IF_ERROR(Reserve(batch, state));
  // Asked for first: a refusal after the layers ran would leave rows pending.
  const std::int64_t wanted = batch.logits.rows == LogitRows::kAll ? T : batch.logits.rows == LogitRows::kLast ? 1 : 0;
  if (wanted > 0) THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(wanted, config_->vocab));
  const MatView<float> hidden = scratch->Rows(&scratch->hidden_rows, T, config_->width);
  scratch->hidden_view = hidden;

  for (; at->row_ < T; at->layer_ = 0) {
    const std::int64_t count = RowsTogether(state->length_ + at->row_, T - at->row_);
    const Part part{&batch, state, at->row_, count, 0, T <= DecoderState::kMaxPartialRows};
    const Run run{{&part, 1}, count, scratch, ops, trace};
    if (at->layer_ == 0) {
      Embed(run.parts, count, scratch, ops);
      Report(trace, "embeddings", 0, run.X(config_->width));
    } else {
      std::memcpy(scratch->x.data(), at->x_.data(), at->x_.size_bytes());
    }
    Rotate(run.parts, count, scratch);
    THIMBLE_ASSIGN_OR_RETURN(const bool is_through, RunLayers(run, &at->layer_, goes_on));
    if (!is_through) {
      THIMBLE_RETURN_IF_ERROR(Leave(run, at));
      return false;
    }
    FinalNorm(run, hidden.Rows(at->row_, count));
    at->row_ += count;
  }
  if (wanted > 0) THIMBLE_RETURN_IF_ERROR(Head(hidden.Rows(T - wanted, wanted), scratch, ops, batch.logits));
  // A stop stays: if there is none now, nothing was left out.
  THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
  state->num_pending_ = static_cast<int>(T);
  return true;
}

Status Decoder::Leave(const Run& run, UnfinishedPass* at) const {
  const auto size = static_cast<std::size_t>(run.num_rows) * static_cast<std::size_t>(config_->width);
  if (at->x_.size() != size) {
    THIMBLE_ASSIGN_OR_RETURN(at->x_, Buffer<float>::Create(size));
  }
  std::memcpy(at->x_.data(), run.scratch->x.data(), at->x_.size_bytes());
  return Done{};
}

Status Decoder::Forward(std::span<const Sequence> sequences, Scratch* scratch, const Ops& ops) const {
  if (sequences.size() == 1) return Forward(*sequences[0].batch, sequences[0].state, scratch, ops);
  std::array<Part, kMaxSequences> parts;
  std::int64_t T = 0;
  THIMBLE_CHECK(!sequences.empty() && sequences.size() <= parts.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto& [batch, state] = sequences[i];
    THIMBLE_CHECK(batch->num_rows() <= DecoderState::kMaxPartialRows && batch->logits.rows == LogitRows::kLast);
    THIMBLE_RETURN_IF_ERROR(Reserve(*batch, state));
    parts[i] = Part{batch, state, 0, batch->num_rows(), T, true};
    T += batch->num_rows();
  }
  THIMBLE_CHECK(T <= kMaxRows);
  THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(static_cast<std::int64_t>(sequences.size()), config_->vocab));
  const MatView<float> hidden = scratch->Rows(&scratch->hidden_rows, T, config_->width);
  scratch->hidden_view = hidden;
  // Few rows a conversation: the form for few, whatever they add up to.
  const Ops narrow{ops.kernels, ops.pool, ops.precision, true};
  const Run run{std::span<const Part>(parts.data(), sequences.size()), T, scratch, narrow, nullptr};
  Embed(run.parts, T, scratch, narrow);
  Rotate(run.parts, T, scratch);
  int layer = 0;
  THIMBLE_RETURN_IF_ERROR(RunLayers(run, &layer, {}));
  FinalNorm(run, hidden);
  // The last row of each, side by side.
  const auto count = static_cast<std::int64_t>(sequences.size());
  const MatView<float> last = scratch->Rows(&scratch->normed, count, config_->width);
  for (std::int64_t i = 0; i < count; ++i) {
    const Part& part = run.parts[static_cast<std::size_t>(i)];
    std::memcpy(last.Row(i), hidden.Row(part.row + part.count - 1),
                static_cast<std::size_t>(config_->width) * sizeof(float));
  }
  THIMBLE_RETURN_IF_ERROR(Head(last, scratch, narrow));
  THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
  for (const Part& part : run.parts) part.state->num_pending_ = static_cast<int>(part.count);
  return Done{};
}

// Embeddings or picture rows of every part in its place.
void Decoder::Embed(std::span<const Part> parts, std::int64_t num_rows, Scratch* scratch, const Ops& ops) const {
  const auto width = static_cast<std::size_t>(config_->width);
  for (const Part& part : parts) {
    const auto first = static_cast<std::size_t>(part.first);
    const auto count = static_cast<std::size_t>(part.count);
    const Batch& batch = *part.batch;
    const MatView<float> x = scratch->Rows(&scratch->x, num_rows, config_->width).Rows(part.row, part.count);
    EmbedRows(ops, weights_->embedding, batch.tokens.subspan(first, count), x);
    for (std::size_t t = 0; t < count && !batch.picture_rows.empty(); ++t) {
      const float* row = batch.picture_rows[first + t];
      if (row != nullptr) std::memcpy(x.Row(static_cast<std::int64_t>(t)), row, width * sizeof(float));
    }
  }
}

// The rotation's table of every part in its place.
void Decoder::Rotate(std::span<const Part> parts, std::int64_t num_rows, Scratch* scratch) const {
  const ModelConfig& c = *config_;
  Scratch& s = *scratch;
  for (const Part& part : parts) {
    TextRopeTable(
        part.batch->positions.subspan(static_cast<std::size_t>(part.first), static_cast<std::size_t>(part.count)),
        c.rotary, c.rope_theta, c.rope_sections, s.Rows(&s.cos, num_rows, c.rotary / 2).Rows(part.row, part.count),
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

// The layers of the kind of `layer` that come before it: where a state keeps what belongs to it.
int Decoder::PlaceAmongItsKind(int layer) const {
  const auto& layers = config_->layers;
  return static_cast<int>(std::count(layers.begin(), layers.begin() + layer, layers[static_cast<std::size_t>(layer)]));
}

void Decoder::Mix(const Run& run, const PassContext& pass, const LayerWeights& w, MatView<float> mixed) const {
  const std::span<const Part> parts = run.parts;
  const int place = PlaceAmongItsKind(pass.layer);
  if (w.attention.has_value()) {
    std::array<AttentionPart, kMaxSequences> attention;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Part& part = parts[i];
      attention[i] = {{part.row, part.count}, part.state->Kv(place), part.state->length_ + part.first};
    }
    AttentionLayer(pass, *w.attention, std::span(attention).first(parts.size()), mixed);
    return;
  }
  std::array<DeltaPart, kMaxSequences> delta;
  for (std::size_t i = 0; i < parts.size(); ++i) delta[i] = {{parts[i].row, parts[i].count}, MemoryOf(parts[i], place)};
  DeltaLayer(pass, *w.delta, std::span(delta).first(parts.size()), mixed);
}

void Decoder::Layer(const Run& run, int layer) const {
  const ModelConfig& c = *config_;
  const LayerWeights& w = weights_->layers[static_cast<std::size_t>(layer)];
  Scratch& s = *run.scratch;
  const MatView<float> x = run.X(c.width);
  const MatView<float> normed = s.Rows(&s.normed, run.num_rows, c.width);
  const MatView<float> mixed = s.Rows(&s.mixed, run.num_rows, c.width);
  const PassContext pass{c, run.ops, run.scratch, run.num_rows, run.trace, layer};
  // x = x + mixer(norm(x))
  RmsNorm(run.ops, x, w.mixer_norm.span(), c.norm_eps, normed);
  Report(run.trace, "mixer_norm", layer, normed);
  s.activations.Set(normed);
  Mix(run, pass, w, mixed);
  AddInPlace(run.ops, x, mixed);
  // x = x + mlp(norm(x))
  RmsNorm(run.ops, x, w.mlp_norm.span(), c.norm_eps, normed);
  Report(run.trace, "mlp_norm", layer, normed);
  s.activations.Set(normed);
  MlpLayer(pass, w.mlp, mixed);
  Report(run.trace, "mlp", layer, mixed);
  AddInPlace(run.ops, x, mixed);
  Report(run.trace, "layer_out", layer, x);
}

Result<bool> Decoder::RunLayers(const Run& run, int* layer, const std::function<bool()>& goes_on) const {
  // One layer at least, so that a caller in a hurry gets on all the same.
  for (const int first = *layer; *layer < config_->num_layers(); ++*layer) {
    THIMBLE_RETURN_IF_ERROR(CheckNotStopped(run.ops.pool));
    if (*layer > first && goes_on && !goes_on()) return false;
    Layer(run, *layer);
  }
  return true;
}

void Decoder::FinalNorm(const Run& run, MatView<float> hidden) const {
  RmsNorm(run.ops, run.X(config_->width), weights_->final_norm.span(), config_->norm_eps, hidden);
  Report(run.trace, "final_norm", 0, hidden);
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

Status Decoder::Head(MatView<const float> hidden, Scratch* scratch, const Ops& ops, const LogitRequest& wanted) const {
  THIMBLE_CHECK(hidden.rows >= 1 && hidden.rows <= kMaxLogitRows);
  THIMBLE_RETURN_IF_ERROR(scratch->NeedLogits(hidden.rows, config_->vocab));
  scratch->activations.Set(hidden);
  if (wanted.mask != nullptr && MaskedHead(hidden, *wanted.mask, scratch, ops)) return Done{};
  MatMul(ops, &scratch->activations, weights_->head(), scratch->logits_view);
  return Done{};
}

bool Decoder::MaskedHead(MatView<const float> hidden, const TokenMask& mask, Scratch* scratch, const Ops& ops) const {
  const PackedMatrix& head = weights_->head();
  if (hidden.rows != 1 || head.family() == kernels::Family::kFileRows) return false;
  std::vector<std::int32_t>& panels = scratch->panels;
  panels.clear();
  mask.ListGroups(kernels::kPanelRows, &panels);
  const std::int64_t num_panels = (head.rows() + kernels::kPanelRows - 1) / kernels::kPanelRows;
  if (static_cast<double>(panels.size()) > kMostOfHead * static_cast<double>(num_panels)) return false;
  scratch->panel_logits.resize(panels.size() * kernels::kPanelRows);
  MatMulPanels(ops, &scratch->activations, head, panels, scratch->panel_logits);
  const std::span<float> logits = scratch->logits_view.RowSpan(0);
  std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const auto first = static_cast<std::size_t>(panels[i]) * kernels::kPanelRows;
    const std::size_t count = std::min<std::size_t>(kernels::kPanelRows, logits.size() - first);
    std::copy_n(scratch->panel_logits.data() + i * kernels::kPanelRows, count, logits.data() + first);
  }
  return true;
}

}  // namespace thimble
