// SPDX-License-Identifier: Apache-2.0
// Decoder: the forward pass of the text model: embedding or picture rows, layers, final norm, logits.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/state.h"
#include "model/weights.h"
#include "ops/ops.h"

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace thimble {

class Scratch;
struct DeltaMemory;
struct PassContext;

// The rows of one conversation in a pass that several share.
struct Sequence {
  const Batch* batch;
  DecoderState* state;
};

// Called with named intermediate results when a test asks for them; the names are those of the reference traces.
using Trace = std::function<void(std::string_view name, int layer, MatView<const float> rows)>;

// Where a pass was left between two layers. Other passes may use the scratch until it goes on. To give it up is to
// forget it: the state it works on has not changed.
class UnfinishedPass {
 public:
  [[nodiscard]] bool is_begun() const { return row_ > 0 || layer_ > 0; }

 private:
  friend class Decoder;
  std::int64_t row_ = 0;  // rows done with
  int layer_ = 0;         // of the rows that follow, layers done with
  Buffer<float> x_;       // their residual stream
};

class Decoder {
 public:
  // Both must outlive this object.
  Decoder(const ModelConfig* config, const Weights* weights) : config_(config), weights_(weights) {}

  // Rows of one pass at most; longer prompts go in several.
  static constexpr int kMaxRows = 512;

  // Rows of logits that one pass can give.
  static constexpr int kMaxLogitRows = 64;
  // Conversations that can share a pass.
  static constexpr std::size_t kMaxSequences = 32;

  // Runs the batch after the state's committed tokens and leaves its rows pending. Passes are cut inside at multiples
  // of 64 tokens of the conversation, so that the same tokens give the same bits however the caller cut them at such
  // places. Errors: kInvalid for a token id that is none, kExhausted when the context is full or memory for a KV page
  // is not there, kCancelled when ops.pool was stopped (ThreadPool::StopWhen); the state is then unchanged. Logits and
  // hidden rows stay in `scratch` until its next use.
  Status Forward(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                 const Trace* trace = nullptr) const;

  // The same in steps, for a pass without LogitRows::kAll: `goes_on` is asked between layers, not before the
  // first of a call, and where it says no, the pass is left in `at`, to be gone on with by a call with the same batch
  // and state. True: done, the rows are pending. Errors as above, kExhausted too where there is no room to leave a
  // pass; `at` is then as if new.
  Result<bool> ForwardSome(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                           const std::function<bool()>& goes_on, UnfinishedPass* at) const;

  // One pass for several conversations that write: the weights are read once for all of them, and each gets the bits
  // that it would get alone. Each batch has at most
  // DecoderState::kMaxPartialRows rows and asks for its last logits: those of sequence i are row i of the scratch's.
  // Errors as above; then no state is changed.
  Status Forward(std::span<const Sequence> sequences, Scratch* scratch, const Ops& ops) const;

  // What Forward asks for a batch before it runs: tokens that exist, room in the context, memory for it.
  Status Reserve(const Batch& batch, DecoderState* state) const;

  // Keeps the first `num_tokens` of the pending rows and drops the rest. Any number for passes of up to
  // DecoderState::kMaxPartialRows rows; none or all for longer ones.
  void Commit(int num_tokens, DecoderState* state, Scratch* scratch, const Ops& ops) const;

  // Logits of up to kMaxLogitRows final-normed hidden rows, into scratch->logits(). `hidden` may be rows of
  // scratch->hidden(). `wanted` tells, for one row, what of it will be looked at.
  Status Head(MatView<const float> hidden, Scratch* scratch, const Ops& ops,
              const LogitRequest& wanted = LogitRows::kLast) const;

 private:
  struct Part;
  struct Run;
  Result<bool> RunPass(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops, const Trace* trace,
                       const std::function<bool()>& goes_on, UnfinishedPass* at) const;
  Status Leave(const Run& run, UnfinishedPass* at) const;
  static std::int64_t RowsTogether(std::int64_t position, std::int64_t left);
  void Embed(std::span<const Part> parts, std::int64_t num_rows, Scratch* scratch, const Ops& ops) const;
  void Rotate(std::span<const Part> parts, std::int64_t num_rows, Scratch* scratch) const;
  static DeltaMemory MemoryOf(const Part& part, int delta_layer);
  [[nodiscard]] int PlaceAmongItsKind(int layer) const;
  void Mix(const Run& run, const PassContext& pass, const LayerWeights& weights, MatView<float> mixed) const;
  void Layer(const Run& run, int layer) const;
  // Layers from `*layer` on, as long as `goes_on` says so; whether those were all.
  Result<bool> RunLayers(const Run& run, int* layer, const std::function<bool()>& goes_on) const;
  void FinalNorm(const Run& run, MatView<float> hidden) const;
  // The logits that `mask` allows, where computing only their panels of the head saves something.
  bool MaskedHead(MatView<const float> hidden, const TokenMask& mask, Scratch* scratch, const Ops& ops) const;

  const ModelConfig* config_;
  const Weights* weights_;
};

}  // namespace thimble
