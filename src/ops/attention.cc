// SPDX-License-Identifier: Apache-2.0
#include "ops/attention.h"

#include "base/check.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace thimble {

namespace {

// Keys are taken in blocks that begin at multiples of this many tokens, whatever the pass, so that sums have one order.
constexpr std::int64_t kKeyBlock = 64;
// Query rows (tokens x heads that share a KV head) of one task.
constexpr std::int64_t kQueryRows = 32;

// What a task keeps per worker: queries [R, C], outputs [R, C], a key and a value block [kKeyBlock, C], scores
// [R, kKeyBlock], and the running maximum and sum of each row.
struct Tile {
  float* queries;
  float* outputs;
  float* keys;
  float* values;
  float* scores;
  float* maxima;
  float* sums;

  Tile(float* memory, std::int64_t head) {
    queries = memory;
    outputs = queries + kQueryRows * head;
    keys = outputs + kQueryRows * head;
    values = keys + kKeyBlock * head;
    scores = values + kKeyBlock * head;
    maxima = scores + kQueryRows * kKeyBlock;
    sums = maxima + kQueryRows;
  }
  static std::size_t Floats(std::int64_t head) {
    return static_cast<std::size_t>(2 * kQueryRows * head + 2 * kKeyBlock * head + kQueryRows * kKeyBlock +
                                    2 * kQueryRows);
  }
  void Begin(std::int64_t rows, std::int64_t head) const {
    std::fill(outputs, outputs + rows * head, 0.0F);
    std::fill(maxima, maxima + rows, -INFINITY);
    std::fill(sums, sums + rows, 0.0F);
  }
  // Online softmax of row `row` over its first `count` scores: afterwards scores hold exp(score - maximum), and what
  // was summed before is scaled to the new maximum.
  void Absorb(const kernels::FloatKernels& f32, std::int64_t row, std::int64_t count, std::int64_t head) const {
    float* own = scores + row * kKeyBlock;
    const float largest = std::max(maxima[row], f32.max(own, count));
    const float keep = maxima[row] == -INFINITY ? 0.0F : std::exp(maxima[row] - largest);
    maxima[row] = largest;
    if (keep != 1.0F) f32.scale(outputs + row * head, keep, nullptr, head, outputs + row * head);
    sums[row] = sums[row] * keep + f32.exp_shifted(own, largest, count);
  }
};

std::int64_t BlocksOf(int head) { return (head + kernels::kBlock - 1) / kernels::kBlock; }

// Row of token `token` of KV head `kv_head`, among the keys (part 0) or values (part 1).
std::byte* RowAt(const KvView& kv, std::int64_t token, int kv_head, int part) {
  const std::int64_t row =
      (static_cast<std::int64_t>(part) * kv.num_kv_heads + kv_head) * KvView::kPageTokens + token % KvView::kPageTokens;
  return kv.pages[token / KvView::kPageTokens] + static_cast<std::size_t>(row) * KvRowBytes(kv.type, kv.head);
}

// `count` tokens from `first` on, within one page, as floats: in place for a float cache, else widened into `scratch`.
const float* LoadTokens(const Ops& ops, const KvView& kv, std::int64_t first, std::int64_t count, int kv_head, int part,
                        float* scratch) {
  const std::byte* from = RowAt(kv, first, kv_head, part);
  switch (kv.type) {
    case KvType::kF32:
      return reinterpret_cast<const float*>(from);
    case KvType::kF16:
      ops.kernels.f32->f16_to_f32(reinterpret_cast<const std::uint16_t*>(from), count * kv.head, scratch);
      break;
    case KvType::kQ8: {
      const std::size_t row_bytes = KvRowBytes(kv.type, kv.head);
      for (std::int64_t i = 0; i < count; ++i, from += row_bytes) {
        const auto* scales = reinterpret_cast<const float*>(from);
        ops.kernels.f32->codes_to_f32(reinterpret_cast<const std::int8_t*>(scales + BlocksOf(kv.head)), scales, kv.head,
                                      scratch + i * kv.head);
      }
      break;
    }
  }
  return scratch;
}

// Scales, then codes of whole blocks.
void StoreCodes(const Ops& ops, const float* from, int head, std::byte* to) {
  auto* scales = reinterpret_cast<float*>(to);
  auto* codes = reinterpret_cast<std::int8_t*>(scales + BlocksOf(head));
  for (std::int64_t first = 0; first < head; first += kernels::kSuper) {
    kernels::QuantisedSuper super;
    ops.kernels.packed->quantise_row(from + first, std::min<std::int64_t>(head - first, kernels::kSuper), &super, 1);
    const std::int64_t blocks =
        std::min<std::int64_t>(BlocksOf(head) - first / kernels::kBlock, kernels::kSuper / kernels::kBlock);
    std::copy_n(super.scales, blocks, scales + first / kernels::kBlock);
    std::copy_n(super.codes, blocks * kernels::kBlock, codes + first);
  }
}

// With few query rows memory is the limit: keys and values are widened in pieces that stay in L1 until they are used.
// (Widening them in registers was slower: rows then are read side by side, and processors fetch ahead only what is read
// in order.)
constexpr std::int64_t kFewRows = 8;
constexpr std::int64_t kPiece = 12;

// One task of causal attention: `num_tokens` query tokens from row `t0` on, with all heads that share `kv_head`.
struct CausalTask {
  const Ops& ops;
  MatView<const float> q;
  int group;  // H / G
  int q_head_stride;
  const KvView& kv;
  std::int64_t first;
  MatView<float> out;

  void Run(std::int64_t t0, std::int64_t num_tokens, int kv_head, const Tile& tile) const {
    const kernels::FloatKernels& f32 = *ops.kernels.f32;
    const std::int64_t head = kv.head;
    const std::int64_t rows = num_tokens * group;
    const float scale = 1.0F / std::sqrt(static_cast<float>(head));
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* from =
          q.Row(t0 + row / group) + (static_cast<std::int64_t>(kv_head) * group + row % group) * q_head_stride;
      f32.scale(from, scale, nullptr, head, tile.queries + row * head);
    }
    tile.Begin(rows, head);
    const bool is_few = rows <= kFewRows;
    const std::int64_t piece = is_few ? kPiece : kKeyBlock;
    const std::int64_t end = first + t0 + num_tokens;  // keys that the last token may see
    for (std::int64_t key = 0; key < end; key += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, end - key);
      for (std::int64_t i = 0; i < count; i += piece) {
        const std::int64_t keys = std::min(piece, count - i);
        f32.gemm(tile.queries, head, rows, LoadTokens(ops, kv, key + i, keys, kv_head, 0, tile.keys), head, keys, head,
                 tile.scores + i, kKeyBlock);
      }
      const float* whole = is_few ? nullptr : LoadTokens(ops, kv, key, count, kv_head, 1, tile.values);
      // Rows that see the whole block go together; those whose own token lies in it one by one.
      std::int64_t row = 0;
      while (row < rows) {
        const std::int64_t seen = std::min(count, first + t0 + row / group + 1 - key);
        std::int64_t same = 1;
        while (row + same < rows && std::min(count, first + t0 + (row + same) / group + 1 - key) == seen) ++same;
        if (seen > 0) {
          for (std::int64_t i = row; i < row + same; ++i) tile.Absorb(f32, i, seen, head);
          for (std::int64_t i = 0; i < seen; i += piece) {
            const std::int64_t keys = std::min(piece, seen - i);
            const float* values = is_few ? LoadTokens(ops, kv, key + i, keys, kv_head, 1, tile.values) : whole;
            f32.gemm_add(tile.scores + row * kKeyBlock + i, kKeyBlock, same, values, head, keys, head,
                         tile.outputs + row * head, head);
          }
        }
        row += same;
      }
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      float* to = out.Row(t0 + i / group) + (static_cast<std::int64_t>(kv_head) * group + i % group) * head;
      f32.scale(tile.outputs + i * head, 1.0F / tile.sums[i], nullptr, head, to);
    }
  }
};

}  // namespace

std::size_t KvRowBytes(KvType type, int head) {
  const auto width = static_cast<std::size_t>(head);
  if (type == KvType::kF32) return width * sizeof(float);
  if (type == KvType::kF16) return width * sizeof(std::uint16_t);
  return static_cast<std::size_t>(BlocksOf(head)) * (kernels::kBlock + sizeof(float));
}

Result<AttentionScratch> AttentionScratch::Create(int num_threads, int max_head) {
  AttentionScratch scratch;
  scratch.floats_per_worker_ = (Tile::Floats(max_head) + 15) / 16 * 16;
  THIMBLE_ASSIGN_OR_RETURN(scratch.buffer_,
                           Buffer<float>::Create(scratch.floats_per_worker_ * static_cast<std::size_t>(num_threads)));
  return scratch;
}

void StoreKv(const Ops& ops, const KvView& kv, std::int64_t first, MatView<const float> k, MatView<const float> v) {
  for (std::int64_t t = 0; t < k.rows; ++t) {
    for (int kv_head = 0; kv_head < kv.num_kv_heads; ++kv_head) {
      for (int part = 0; part < 2; ++part) {
        const float* from = (part == 0 ? k : v).Row(t) + static_cast<std::int64_t>(kv_head) * kv.head;
        std::byte* to = RowAt(kv, first + t, kv_head, part);
        switch (kv.type) {
          case KvType::kF32:
            std::memcpy(to, from, static_cast<std::size_t>(kv.head) * sizeof(float));
            break;
          case KvType::kF16:
            ops.kernels.f32->f32_to_f16(from, kv.head, reinterpret_cast<std::uint16_t*>(to));
            break;
          case KvType::kQ8:
            StoreCodes(ops, from, kv.head, to);
            break;
        }
      }
    }
  }
}

void CausalAttention(const Ops& ops, MatView<const float> q, int num_heads, int q_head_stride, const KvView& kv,
                     std::int64_t first, AttentionScratch* scratch, MatView<float> out) {
  static_assert(KvView::kPageTokens % kKeyBlock == 0, "a key block lies in one page");
  const int group = num_heads / kv.num_kv_heads;
  // Few tokens a task when many heads share a KV head; a group larger than the tile goes in slices of heads.
  THIMBLE_CHECK(group <= kQueryRows);
  const std::int64_t tokens = std::max<std::int64_t>(1, kQueryRows / group);
  const std::int64_t num_slices = (q.rows + tokens - 1) / tokens;
  const CausalTask causal{ops, q, group, q_head_stride, kv, first, out};
  ops.pool.Run(static_cast<int>(num_slices * kv.num_kv_heads), [&](int task, int worker) {
    // Late tokens cost most: they come first, so that no thread is left with a long one at the end.
    const std::int64_t slice = num_slices - 1 - task / kv.num_kv_heads;
    const std::int64_t t0 = slice * tokens;
    causal.Run(t0, std::min(tokens, q.rows - t0), task % kv.num_kv_heads, Tile(scratch->For(worker), kv.head));
  });
}

void FullAttention(const Ops& ops, MatView<const float> q, MatView<const float> k, MatView<const float> v,
                   int num_heads, int head, AttentionScratch* scratch, MatView<float> out) {
  const kernels::FloatKernels& f32 = *ops.kernels.f32;
  const std::int64_t num_slices = (q.rows + kQueryRows - 1) / kQueryRows;
  const float scale = 1.0F / std::sqrt(static_cast<float>(head));
  ops.pool.Run(static_cast<int>(num_slices * num_heads), [&](int task, int worker) {
    const std::int64_t first = task % num_slices * kQueryRows;
    const std::int64_t column = task / num_slices * head;
    const std::int64_t rows = std::min(kQueryRows, q.rows - first);
    const Tile tile(scratch->For(worker), head);
    for (std::int64_t row = 0; row < rows; ++row) {
      f32.scale(q.Row(first + row) + column, scale, nullptr, head, tile.queries + row * head);
    }
    tile.Begin(rows, head);
    for (std::int64_t key = 0; key < k.rows; key += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, k.rows - key);
      // Gathered: rows of a picture's keys lie kilobytes apart, often at multiples that share few sets of the caches.
      for (std::int64_t i = 0; i < count; ++i) {
        const auto bytes = static_cast<std::size_t>(head) * sizeof(float);
        std::memcpy(tile.keys + i * head, k.Row(key + i) + column, bytes);
        std::memcpy(tile.values + i * head, v.Row(key + i) + column, bytes);
      }
      f32.gemm(tile.queries, head, rows, tile.keys, head, count, head, tile.scores, kKeyBlock);
      for (std::int64_t row = 0; row < rows; ++row) tile.Absorb(f32, row, count, head);
      f32.gemm_add(tile.scores, kKeyBlock, rows, tile.values, head, count, head, tile.outputs, head);
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      f32.scale(tile.outputs + row * head, 1.0F / tile.sums[row], nullptr, head, out.Row(first + row) + column);
    }
  });
}

}  // namespace thimble
