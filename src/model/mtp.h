// SPDX-License-Identifier: Apache-2.0
// The multi-token-prediction head: drafts the token after next from a hidden row (spec 4.2). It has a KV cache of its
// own.
#pragma once

#include "base/mat_view.h"
#include "base/result.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/scratch.h"
#include "model/state.h"
#include "model/weights.h"
#include "ops/ops.h"
#include "ops/rope.h"

#include <cstdint>
#include <span>

namespace thimble {

class MtpHead {
 public:
  // Both must outlive this object; weights->mtp must be there.
  MtpHead(const ModelConfig* config, const Weights* weights) : config_(config), weights_(weights) {}

  // The head's own cache: a decoder state with the one attention layer.
  Result<DecoderState> CreateState(int max_tokens, KvType kv_type) const;

  // Row t pairs hidden[t] (after the final norm) with the token after it, tokens[t], at the position of the hidden row.
  // Appends T <= Decoder::kMaxRows rows to the cache and commits them. Draft logits of the last row, as far as `wanted`
  // asks for them (kNone: none; kAll as kLast): scratch->logits(). The rows' own hidden rows (after mtp.norm), the last
  // of which is fed back for the next draft: scratch->draft_hidden(). `hidden` may lie in these, or in
  // scratch->hidden(), which stay as they are. kInvalid for a token id that is none, kExhausted when the context is
  // full.
  Status Forward(MatView<const float> hidden, std::span<const std::int32_t> tokens, std::span<const Position> positions,
                 const LogitRequest& wanted, DecoderState* state, Scratch* scratch, const Ops& ops) const;
  // Forgets rows from `length` on: drafts that were refused.
  static void Truncate(int length, DecoderState* state);

 private:
  const ModelConfig* config_;
  const Weights* weights_;
};

}  // namespace thimble
