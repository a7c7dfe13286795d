// SPDX-License-Identifier: Apache-2.0
// Softmax attention: causal grouped-query attention over a KV cache, and full attention inside a picture.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "ops/kv_cache.h"
#include "ops/ops.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace thimble {

// Scratch for attention; create once, sized for the widest head and the threads.
class AttentionScratch {
 public:
  static Result<AttentionScratch> Create(int num_threads, int max_head);
  static std::uint64_t BytesNeeded(int num_threads, int max_head);
  [[nodiscard]] float* For(int worker) {
    return buffer_.data() + static_cast<std::size_t>(worker) * floats_per_worker_;
  }
  // For what tasks hand to one another.
  [[nodiscard]] std::span<float> Shared() { return buffer_.span().subspan(first_shared_); }

 private:
  Buffer<float> buffer_;
  std::size_t floats_per_worker_ = 0;
  std::size_t first_shared_ = 0;
};

// Row t of q attends tokens 0 .. first + t (all of them already stored in kv). q [T, H heads of width C at stride
// q_head_stride], out [T, H * C]; query head h reads KV head h / (H / G). Scores are scaled by C^(-1/2); softmax and
// sums in float32. Keys are taken in ranges of 512 tokens, each with an online softmax of its own over blocks of 64;
// ranges are merged in order. So the order of sums depends on the token index only, and a row has the same bits in any
// pass, on any number of threads.
void CausalAttention(const Ops& ops, MatView<const float> q, int num_heads, int q_head_stride, const KvView& kv,
                     std::int64_t first, AttentionScratch* scratch, MatView<float> out);

// Every row of q [Q, H * C] attends every row of k and v [P, H * C] (any stride); out [Q, H * C]. For the vision tower,
// one picture or one temporal patch at a time; a row's bits do not depend on what other rows of q a call has.
void FullAttention(const Ops& ops, MatView<const float> q, MatView<const float> k, MatView<const float> v,
                   int num_heads, int head, AttentionScratch* scratch, MatView<float> out);

}  // namespace thimble
