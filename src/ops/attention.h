// SPDX-License-Identifier: Apache-2.0
// Softmax attention: causal grouped-query attention over a KV cache, and full attention inside a picture.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "ops/ops.h"

#include <cstddef>
#include <cstdint>

namespace thimble {

enum class KvType {
  kF32,
  kF16,
  kQ8,  // signed 8-bit codes of each head's row, a float scale per 32 of them
};
// Bytes of one token's keys, or values, of one head of width `head`.
std::size_t KvRowBytes(KvType type, int head);

// Keys and values of one layer, in pages of kPageTokens tokens; a page holds, per KV head, [kPageTokens, C] keys and
// the same of values. Rows from 0 on in sequence order.
struct KvView {
  static constexpr int kPageTokens = 256;
  KvType type = KvType::kF32;
  int num_kv_heads = 0;  // G
  int head = 0;          // C
  // pages[i] -> keys of page i: [G, kPageTokens] rows of KvRowBytes, then values the same.
  std::byte* const* pages = nullptr;
  std::int64_t length = 0;  // tokens stored
};

// Writes T rows of keys and values (each [T, G * C] floats), rounded to the cache's type, at tokens first .. first + T
// - 1; the pages must exist.
void StoreKv(const Ops& ops, const KvView& kv, std::int64_t first, MatView<const float> k, MatView<const float> v);

// Scratch for attention; create once, sized for the most rows and threads.
class AttentionScratch {
 public:
  static Result<AttentionScratch> Create(int num_threads, int max_head);
  [[nodiscard]] float* For(int worker) {
    return buffer_.data() + static_cast<std::size_t>(worker) * floats_per_worker_;
  }
  [[nodiscard]] std::size_t floats_per_worker() const { return floats_per_worker_; }

 private:
  Buffer<float> buffer_;
  std::size_t floats_per_worker_ = 0;
};

// Row t of q attends tokens 0 .. first + t (all of them already stored in kv). q [T, H heads of width C at stride
// q_head_stride], out [T, H * C]; query head h reads KV head h / (H / G). Scores are scaled by C^(-1/2); softmax and
// sums in float32, blocked with an online softmax. The order of sums depends on the token index only, so a row has the
// same bits in any pass.
void CausalAttention(const Ops& ops, MatView<const float> q, int num_heads, int q_head_stride, const KvView& kv,
                     std::int64_t first, AttentionScratch* scratch, MatView<float> out);

// Every row attends every row: q, k, v [P, H * C] (any stride), out [P, H * C]. For the vision tower, one picture or
// one temporal patch at a time.
void FullAttention(const Ops& ops, MatView<const float> q, MatView<const float> k, MatView<const float> v,
                   int num_heads, int head, AttentionScratch* scratch, MatView<float> out);

}  // namespace thimble
