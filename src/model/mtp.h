// SPDX-License-Identifier: Apache-2.0
// The multi-token-prediction head: drafts the token after next from a hidden row (spec 4.2). It has a KV cache of its own.
#pragma once

#include "base/result.h"
#include "model/config.h"
#include "model/scratch.h"
#include "model/state.h"
#include "model/weights.h"
#include "ops/ops.h"

#include <cstdint>
#include <memory>
#include <span>

namespace thimble {

class MtpState {
 public:
  static Result<MtpState> Create(const ModelConfig& config, int max_tokens, KvType kv_type);
  ~MtpState();
  MtpState(MtpState&&) noexcept;
  MtpState& operator=(MtpState&&) noexcept;

  [[nodiscard]] int length() const;
  void Truncate(int length);

 private:
  friend class MtpHead;
  MtpState();
  struct Cache;
  std::unique_ptr<Cache> cache_;
};

class MtpHead {
 public:
  // Both must outlive this object; weights->mtp must be there.
  MtpHead(const ModelConfig* config, const Weights* weights) : config_(config), weights_(weights) {}

  // Row t pairs hidden[t] (after the final norm) with the token after it, tokens[t], at the position of the hidden row.
  // Appends T rows to the cache. Draft logits of the last row: scratch->logits(); its own hidden row (after mtp.norm), to
  // be fed back for the next draft: scratch->hidden(). `hidden` must not lie in `scratch`.
  Status Forward(MatView<const float> hidden, std::span<const std::int32_t> tokens, std::span<const Position> positions,
                 MtpState* state, Scratch* scratch, const Ops& ops) const;

 private:
  const ModelConfig* config_;
  const Weights* weights_;
};

}  // namespace thimble
