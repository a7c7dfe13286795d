// SPDX-License-Identifier: Apache-2.0
// Decoder: the forward pass of the text model: embedding or picture rows, layers, final norm, logits.
#pragma once

#include "base/mat_view.h"
#include "base/result.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/state.h"
#include "model/weights.h"
#include "ops/ops.h"

#include <functional>
#include <string_view>

namespace thimble {

class Scratch;

// Called with named intermediate results when a test asks for them; the names are those of the reference traces.
using Trace = std::function<void(std::string_view name, int layer, MatView<const float> rows)>;

class Decoder {
 public:
  // Both must outlive this object.
  Decoder(const ModelConfig* config, const Weights* weights) : config_(config), weights_(weights) {}

  // Rows of one pass at most; longer prompts go in several.
  static constexpr int kMaxRows = 512;

  // Rows of logits that one pass can give.
  static constexpr int kMaxLogitRows = 64;

  // Runs the batch after the state's committed tokens and leaves its rows pending. Passes are cut inside at multiples
  // of 64 tokens of the conversation, so that the same tokens give the same bits however the caller cut them at such
  // places. Errors: kInvalid for a token id that is none, kExhausted when the context is full or memory for a KV page
  // is not there, kCancelled when ops.pool was stopped (ThreadPool::StopWhen); the state is then unchanged. Logits and hidden rows stay in `scratch` until its next use.
  Status Forward(const Batch& batch, DecoderState* state, Scratch* scratch, const Ops& ops,
                 const Trace* trace = nullptr) const;

  // Keeps the first `num_tokens` of the pending rows and drops the rest. Any number for passes of up to
  // DecoderState::kMaxPartialRows rows; none or all for longer ones.
  void Commit(int num_tokens, DecoderState* state, Scratch* scratch, const Ops& ops) const;

  // Logits of up to kMaxLogitRows final-normed hidden rows, into scratch->logits(). `hidden` may be rows of
  // scratch->hidden(). For one row of which only the `best` will be looked at, the others may be minus infinity.
  Status Head(MatView<const float> hidden, Scratch* scratch, const Ops& ops, const BestLogits* best = nullptr) const;

 private:
  struct Segment;
  Status RunSegment(const Batch& batch, const Segment& segment, DecoderState* state, Scratch* scratch, const Ops& ops,
                    const Trace* trace) const;

  const ModelConfig* config_;
  const Weights* weights_;
};

}  // namespace thimble
