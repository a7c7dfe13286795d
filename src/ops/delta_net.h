// SPDX-License-Identifier: Apache-2.0
// Gated DeltaNet (spec 2.2): short causal convolution, the gated delta rule in single-step and chunked form, gated
// norm.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "ops/ops.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace thimble {

// Causal depthwise convolution over time, then SiLU. x [T, C] is the projection; tail [taps - 1, C] holds the inputs
// before row 0, oldest first (zeros at the start); weight [taps, C], the last tap is the current token. out [T, C] must
// not overlap x. next_tail [taps - 1, C] receives the last taps - 1 inputs; it may be `tail` itself.
inline constexpr int kMostTaps = 16;
void ShortConvolution(const Ops& ops, MatView<const float> x, MatView<const float> tail, std::span<const float> weight,
                      int taps, MatView<float> out, MatView<float> next_tail);

// Which key head a value head reads (spec 9.3).
enum class HeadOrder {
  kGrouped,  // value head h reads key head h / r (Hugging Face)
  kTiled,    // value head h reads key head h mod E (GGUF)
};

struct DeltaShape {
  int num_key_heads = 0;    // E
  int num_value_heads = 0;  // U
  int key_head = 0;         // width of a key head
  int value_head = 0;       // width of a value head
  HeadOrder order = HeadOrder::kGrouped;
};

struct DeltaInputs {
  MatView<const float> qkv;        // [T, 2 * E * key_head + U * value_head], after convolution and SiLU: q | k | v
  MatView<const float> alpha;      // [T, U] raw projection
  MatView<const float> beta;       // [T, U] raw projection, before sigmoid
  std::span<const float> a;        // [U], -exp(A_log)
  std::span<const float> dt_bias;  // [U]
};

// Scratch of the chunked form; create once.
class DeltaScratch {
 public:
  static Result<DeltaScratch> Create(int num_threads, const DeltaShape& shape, std::int64_t max_rows);
  Buffer<float> buffer;  // per worker
  std::size_t floats_per_worker = 0;
  Buffer<float> gates;  // decay and beta of a pass
};

// The state of one layer: U heads of [value_head, key_head] floats (transposed against the fixtures, which store
// [key, value]): reading and updating a value dimension touches one contiguous row of keys.
//
// Runs T tokens from state_in; writes out [T, U * value_head] and state_out (may be state_in). `g = a * softplus(alpha
// + dt_bias)`, `beta = sigmoid(beta)`, q and k l2-normalised with 1e-6 inside the root, q scaled by key_head^(-1/2). T
// < kDeltaChunkMinRows runs token by token; otherwise in chunks of up to 64 rows (spec's chunked form). Heads are split
// over threads; a head's bits do not depend on the split. `out` overlaps none of the inputs.
inline constexpr std::int64_t kDeltaChunkMinRows = 16;
void GatedDeltaRule(const Ops& ops, const DeltaShape& shape, const DeltaInputs& inputs, const float* state_in,
                    float* state_out, DeltaScratch* scratch, MatView<float> out);

// out = rmsnorm(x over each head, plain weight [value_head]) * silu(z), per head; x, z, out [T, U * value_head]; out
// may be x.
void GatedRmsNorm(const Ops& ops, MatView<const float> x, MatView<const float> z, std::span<const float> weight,
                  float eps, MatView<float> out);

}  // namespace thimble
