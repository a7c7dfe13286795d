// SPDX-License-Identifier: Apache-2.0
// The parts of a layer, shared by the decoder and the MTP head. Each reads scratch->activations (the normed rows) and
// writes its output rows.
#pragma once

#include "base/mat_view.h"
#include "base/result.h"
#include "model/config.h"
#include "model/decoder.h"
#include "model/scratch.h"
#include "model/weights.h"
#include "ops/ops.h"

#include <cstdint>
#include <span>

namespace thimble {

// Calls `trace`, if there is one.
inline void Report(const Trace* trace, std::string_view name, int layer, MatView<const float> rows) {
  if (trace != nullptr && *trace) (*trace)(name, layer, rows);
}

// kCancelled when a pass of this pool left tasks out.
Status CheckNotStopped(const ThreadPool& pool);
// kInvalid for a token that the embedding has no row for: reading there would leave the matrix.
Status CheckTokens(std::span<const std::int32_t> tokens, int vocab);

struct PassContext {
  const ModelConfig& config;
  const Ops& ops;
  Scratch* scratch;
  std::int64_t num_rows;  // T
  const Trace* trace;
  int layer;
};

// Rows [row, row + count) of a pass that belong to one conversation.
struct PartRows {
  std::int64_t row;
  std::int64_t count;
};

// Those rows follow `first` tokens of `kv`.
struct AttentionPart {
  PartRows rows;
  KvView kv;
  std::int64_t first;
};
// Gated attention (spec 2.3) of T rows, all of them in one part or another; stores their keys and values. out [T, D].
void AttentionLayer(const PassContext& pass, const AttentionWeights& weights, std::span<const AttentionPart> parts,
                    MatView<float> out);

// Where a delta layer's memory lies: [U, S, S] states and [taps - 1, channels] tail, read from `in` and written to
// `out` (which may be the same). `replay`, if not null, receives the rows' convolution inputs, alpha and beta.
struct DeltaMemory {
  const float* in_state;
  const float* in_tail;
  float* out_state;
  float* out_tail;
  float* replay;
};
struct DeltaPart {
  PartRows rows;
  DeltaMemory memory;
};
// Gated DeltaNet (spec 2.2) of T rows, all of them in one part or another. out [T, D].
void DeltaLayer(const PassContext& pass, const DeltaWeights& weights, std::span<const DeltaPart> parts,
                MatView<float> out);
// The recurrence alone over rows kept by DeltaLayer: brings the memory where those rows lead.
void ReplayDelta(const PassContext& pass, const DeltaWeights& weights, const DeltaMemory& memory);

// SwiGLU: down(silu(gate(x)) * up(x)). out [T, D].
void MlpLayer(const PassContext& pass, const MlpWeights& weights, MatView<float> out);

}  // namespace thimble
