// SPDX-License-Identifier: Apache-2.0
#include "ops/attention.h"

#include "base/check.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace thimble {

namespace {

using kernels::KvProduct;

constexpr std::int64_t kKeyBlock = KvView::kBlockTokens;
// Keys that go through the softmax together, from multiples of this many tokens on.
constexpr std::int64_t kStep = 128;
// Keys that share one online softmax; these ranges are what threads divide when there are few query rows.
constexpr std::int64_t kRange = 512;
// So that threads end at about the same time.
constexpr std::int64_t kTasksPerThread = 4;
// Query rows (tokens x heads that share a KV head) of one task, at most.
constexpr std::int64_t kQueryRows = 32;
// With more rows than this, codes are widened into scratch once, not by every four rows. (Halves are always widened in
// registers: beside the multiply-adds that costs nothing.)
constexpr std::int64_t kFewRows = 8;
// Shared scratch a thread, in floats: results of ranges that wait to be merged.
constexpr std::size_t kSharedFloats = 32768;

// What was summed so far for some query rows: outputs [rows, C] not yet divided by the sums.
struct Sums {
  float* outputs;
  float* maxima;
  float* totals;
  static std::int64_t Floats(std::int64_t rows, std::int64_t head) { return (rows * (head + 2) + 15) / 16 * 16; }
  Sums(float* memory, std::int64_t rows, std::int64_t head)
      : outputs(memory), maxima(memory + rows * head), totals(maxima + rows) {}
  void Begin(std::int64_t rows) const {
    std::fill(maxima, maxima + rows, -INFINITY);
    std::fill(totals, totals + rows, 0.0F);
  }
};

// What a task keeps per worker: queries [R, C], sums of all rows and of one range, two blocks of keys or values as
// floats [kKeyBlock, C], scores [R, kStep], and factors [R].
struct Tile {
  float* queries;
  Sums whole;
  Sums range;
  float* floats;
  float* scores;
  float* keeps;

  Tile(float* memory, std::int64_t head)
      : queries(memory),
        whole(queries + kQueryRows * head, kQueryRows, head),
        range(whole.outputs + Sums::Floats(kQueryRows, head), kQueryRows, head),
        floats(range.outputs + Sums::Floats(kQueryRows, head)),
        scores(floats + 2 * kKeyBlock * head),
        keeps(scores + kQueryRows * kStep) {}
  static std::size_t Floats(std::int64_t head) {
    const std::int64_t floats =
        kQueryRows * head + 2 * Sums::Floats(kQueryRows, head) + 2 * kKeyBlock * head + kQueryRows * kStep + kQueryRows;
    return static_cast<std::size_t>((floats + 15) / 16 * 16);
  }
};

// Softmax of rows [first, first + count) over their next `num_keys` scores: afterwards scores hold exp(score -
// maximum), and what was summed before is scaled to the new maximum.
void Absorb(const kernels::FloatKernels& f32, const Tile& tile, const Sums& sums, std::int64_t first,
            std::int64_t count, std::int64_t num_keys, std::int64_t head, bool scales_outputs) {
  f32.softmax_rows(tile.scores + first * kStep, kStep, count, num_keys, sums.maxima + first, sums.totals + first,
                   tile.keeps);
  if (!scales_outputs) return;
  for (std::int64_t i = 0; i < count; ++i) {
    float* output = sums.outputs + (first + i) * head;
    if (tile.keeps[i] != 1.0F) f32.scale(output, tile.keeps[i], nullptr, head, output);
  }
}

// Adds the sums of a later range; rows that saw none of it stay as they are.
void Merge(const kernels::FloatKernels& f32, const Sums& later, std::int64_t rows, std::int64_t head,
           const Sums& sums) {
  for (std::int64_t row = 0; row < rows; ++row) {
    if (later.maxima[row] == -INFINITY) continue;
    const float largest = std::max(sums.maxima[row], later.maxima[row]);
    const float keep = std::exp(sums.maxima[row] - largest);
    const float factor = std::exp(later.maxima[row] - largest);
    float* output = sums.outputs + row * head;
    if (keep != 1.0F) f32.scale(output, keep, nullptr, head, output);
    f32.gemm_add(&factor, 1, 1, later.outputs + row * head, head, 1, head, output, head);
    sums.maxima[row] = largest;
    sums.totals[row] = sums.totals[row] * keep + later.totals[row] * factor;
  }
}

// Some query tokens with all heads that share a KV head.
struct Queries {
  std::int64_t first;  // row of q
  std::int64_t num_tokens;
  int kv_head;
};

class CausalPass {
 public:
  CausalPass(const Ops& ops, MatView<const float> q, int group, int q_head_stride, const KvView& kv, std::int64_t first,
             MatView<float> out)
      : ops_(ops),
        f32_(*ops.kernels.f32),
        q_(q),
        group_(group),
        q_head_stride_(q_head_stride),
        kv_(kv),
        keys_(kv.type == KvType::kF32   ? kernels::KvCells::kFloats
              : kv.type == KvType::kF16 ? kernels::KvCells::kHalves
                                        : kernels::KvCells::kKeyCodes),
        values_(kv.type == KvType::kQ8 ? kernels::KvCells::kValueCodes : keys_),
        first_(first),
        out_(out) {}

  // One slice of the queries over all their keys.
  void Run(const Queries& queries, const Tile& tile) const {
    Scale(queries, tile);
    for (std::int64_t begin = 0; begin < End(queries); begin += kRange) {
      AddRange(queries, begin, End(queries), tile, begin == 0 ? tile.whole : tile.range);
      if (begin > 0) Merge(f32_, tile.range, Rows(queries), kv_.head, tile.whole);
    }
    Finish(queries, tile.whole);
  }

  // The ranges of all KV heads as tasks of their own, for queries that are one slice. `memory` holds the sums of ranges
  // until they are merged; when there are more of them than it has room for, they go in rounds.
  void RunRanges(std::int64_t num_tokens, std::span<float> memory, AttentionScratch* scratch) const {
    const std::int64_t rows = num_tokens * group_;
    const std::int64_t floats = Sums::Floats(rows, kv_.head);
    const auto sums = [&](std::int64_t place, int kv_head) {
      return Sums(memory.data() + (place * kv_.num_kv_heads + kv_head) * floats, rows, kv_.head);
    };
    const std::int64_t num_places = Places(num_tokens, memory);
    const std::int64_t num_ranges = (first_ + num_tokens + kRange - 1) / kRange;
    // The first place keeps what was merged.
    for (std::int64_t done = 0; done < num_ranges;) {
      const std::int64_t place = done == 0 ? 0 : 1;
      const std::int64_t count = std::min(num_places - place, num_ranges - done);
      // Neighbouring ranges stay together, because the first keys and values of a task are waited for.
      const std::int64_t wanted = (kTasksPerThread * ops_.pool.num_threads() + kv_.num_kv_heads - 1) / kv_.num_kv_heads;
      const std::int64_t together = (count + wanted - 1) / wanted;
      const std::int64_t num_runs = (count + together - 1) / together;
      ops_.pool.Run(static_cast<int>(num_runs * kv_.num_kv_heads), [&](int task, int worker) {
        const Queries queries{0, num_tokens, task % kv_.num_kv_heads};
        const std::int64_t begin = task / kv_.num_kv_heads * together;
        const std::int64_t end = std::min(begin + together, count);
        const std::int64_t last_key = std::min((done + end) * kRange, End(queries));
        const Tile tile(scratch->For(worker), kv_.head);
        Scale(queries, tile);
        for (std::int64_t i = begin; i < end; ++i)
          AddRange(queries, (done + i) * kRange, last_key, tile, sums(place + i, queries.kv_head));
      });
      for (std::int64_t i = std::max<std::int64_t>(place, 1); i < place + count; ++i) {
        for (int head = 0; head < kv_.num_kv_heads; ++head) Merge(f32_, sums(i, head), rows, kv_.head, sums(0, head));
      }
      done += count;
    }
    for (int head = 0; head < kv_.num_kv_heads; ++head) Finish({0, num_tokens, head}, sums(0, head));
  }
  // Ranges that `memory` has room for.
  [[nodiscard]] std::int64_t Places(std::int64_t num_tokens, std::span<float> memory) const {
    return static_cast<std::int64_t>(memory.size()) / (kv_.num_kv_heads * Sums::Floats(num_tokens * group_, kv_.head));
  }

 private:
  [[nodiscard]] std::int64_t Rows(const Queries& queries) const { return queries.num_tokens * group_; }
  // Keys that the last token may see.
  [[nodiscard]] std::int64_t End(const Queries& queries) const { return first_ + queries.first + queries.num_tokens; }

  void Scale(const Queries& queries, const Tile& tile) const {
    const float scale = 1.0F / std::sqrt(static_cast<float>(kv_.head));
    for (std::int64_t row = 0; row < Rows(queries); ++row) {
      const std::int64_t query_head = static_cast<std::int64_t>(queries.kv_head) * group_ + row % group_;
      f32_.scale(q_.Row(queries.first + row / group_) + query_head * q_head_stride_, scale, nullptr, kv_.head,
                 tile.queries + row * kv_.head);
    }
  }

  // Sums over the keys [begin, begin + kRange) that the queries may see. Keys before `end` are read afterwards.
  void AddRange(const Queries& queries, std::int64_t begin, std::int64_t end, const Tile& tile,
                const Sums& sums) const {
    const std::int64_t range_end = std::min(begin + kRange, end);
    sums.Begin(Rows(queries));
    for (std::int64_t key = begin; key < range_end; key += kStep) AddStep(queries, key, end, key > begin, tile, sums);
  }

  // The keys [key, key + kStep) before `end`; `adds` to what `sums` hold. While keys are read, their values are
  // fetched, while those are read, the keys of the next step.
  void AddStep(const Queries& queries, std::int64_t key, std::int64_t end, bool adds, const Tile& tile,
               const Sums& sums) const {
    const std::int64_t rows = Rows(queries);
    const std::int64_t token = first_ + queries.first;  // of row 0
    const std::int64_t count = std::min(kStep, end - key);
    KvProduct next;
    if (key + kStep < end) SetKeys(kv_, queries.kv_head, key + kStep, &next);
    // Rows of earlier tokens see none of these keys.
    const std::int64_t first_row = std::max<std::int64_t>(0, key - token) * group_;
    // Rows that see all of them go together, those whose own token is one of them token by token.
    const auto for_groups = [&](const auto& body) {
      for (std::int64_t row = first_row; row < rows;) {
        const std::int64_t seen = std::min(count, token + row / group_ + 1 - key);
        const std::int64_t same = seen == count ? rows - row : group_;
        body(row, same, seen);
        row += same;
      }
    };

    for (std::int64_t i = 0; i < count; i += kKeyBlock) {
      KvProduct product;
      KvProduct values;
      SetKeys(kv_, queries.kv_head, key + i, &product);
      SetValues(kv_, queries.kv_head, key + i, &values);
      product.ahead = Distance(product.b, values.b);
      product.num_j = kv_.head;
      product.num_n = kKeyBlock;
      const kernels::KvCells cells = Prepare(keys_, rows, tile.floats, &product);
      product.num_n = std::min(kKeyBlock, (count - i + 15) / 16 * 16);
      product.a = tile.queries + first_row * kv_.head;
      product.a_stride = kv_.head;
      product.num_t = rows - first_row;
      product.out = tile.scores + first_row * kStep + i;
      product.out_stride = kStep;
      f32_.kv_multiply[static_cast<std::size_t>(cells)](product);
    }
    for_groups([&](std::int64_t row, std::int64_t same, std::int64_t seen) {
      Absorb(f32_, tile, sums, row, same, seen, kv_.head, adds);
    });
    const std::int64_t piece = IsWidened(rows) ? kKeyBlock : kStep;
    for (std::int64_t i = 0; i < count; i += piece) {
      KvProduct product;
      SetValues(kv_, queries.kv_head, key + i, &product);
      product.num_j = piece;
      product.num_n = kv_.head;
      if (next.b != nullptr) product.ahead = Distance(product.b, next.b);
      const kernels::KvCells cells = Prepare(values_, rows, tile.floats, &product);
      product.a_stride = kStep;
      product.out_stride = kv_.head;
      product.adds = adds || i > 0;
      for_groups([&](std::int64_t row, std::int64_t same, std::int64_t seen) {
        if (seen <= i) return;
        product.a = tile.scores + row * kStep + i;
        product.num_t = same;
        product.num_j = std::min(piece, seen - i);
        product.out = sums.outputs + row * kv_.head;
        f32_.kv_multiply[static_cast<std::size_t>(cells)](product);
      });
    }
  }

  // Widens codes into `scratch` when enough rows read them. Returns how the right side is stored then.
  kernels::KvCells Prepare(kernels::KvCells cells, std::int64_t rows, float* scratch, KvProduct* product) const {
    if (!IsWidened(rows)) return cells;
    f32_.kv_widen[static_cast<std::size_t>(cells)](*product, scratch);
    product->b = scratch;
    product->b_stride = product->num_n;
    product->ahead = 0;
    return kernels::KvCells::kFloats;
  }
  [[nodiscard]] bool IsWidened(std::int64_t rows) const { return rows > kFewRows && kv_.type == KvType::kQ8; }
  static std::int64_t Distance(const void* from, const void* to) {
    return reinterpret_cast<std::intptr_t>(to) - reinterpret_cast<std::intptr_t>(from);
  }

  void Finish(const Queries& queries, const Sums& sums) const {
    for (std::int64_t row = 0; row < Rows(queries); ++row) {
      float* to = out_.Row(queries.first + row / group_) +
                  (static_cast<std::int64_t>(queries.kv_head) * group_ + row % group_) * kv_.head;
      f32_.scale(sums.outputs + row * kv_.head, 1.0F / sums.totals[row], nullptr, kv_.head, to);
    }
  }

  const Ops& ops_;
  const kernels::FloatKernels& f32_;
  MatView<const float> q_;
  int group_;  // H / G
  int q_head_stride_;
  const KvView& kv_;
  kernels::KvCells keys_;  // how they are stored
  kernels::KvCells values_;
  std::int64_t first_;
  MatView<float> out_;
};

}  // namespace

Result<AttentionScratch> AttentionScratch::Create(int num_threads, int max_head) {
  AttentionScratch scratch;
  const auto threads = static_cast<std::size_t>(num_threads);
  scratch.floats_per_worker_ = Tile::Floats(max_head);
  scratch.first_shared_ = scratch.floats_per_worker_ * threads;
  THIMBLE_ASSIGN_OR_RETURN(scratch.buffer_, Buffer<float>::Create(scratch.first_shared_ + kSharedFloats * threads));
  return scratch;
}

std::uint64_t AttentionScratch::BytesNeeded(int num_threads, int max_head) {
  return static_cast<std::uint64_t>(num_threads) * (Tile::Floats(max_head) + kSharedFloats) * sizeof(float);
}

void CausalAttention(const Ops& ops, MatView<const float> q, int num_heads, int q_head_stride, const KvView& kv,
                     std::int64_t first, AttentionScratch* scratch, MatView<float> out) {
  static_assert(KvView::kPageTokens % kStep == 0 && kStep % kKeyBlock == 0 && kRange % kStep == 0);
  const int group = num_heads / kv.num_kv_heads;
  THIMBLE_CHECK(group <= kQueryRows);
  const CausalPass pass(ops, q, group, q_head_stride, kv, first, out);
  // Large slices read keys and values less often, small ones keep more threads busy; bits do not depend on them.
  const std::int64_t wanted_tasks = kTasksPerThread * ops.pool.num_threads();
  std::int64_t tokens = std::max<std::int64_t>(1, kQueryRows / group);
  const auto num_slices = [&] { return (q.rows + tokens - 1) / tokens; };
  if (num_slices() == 1 && ops.pool.num_threads() > 1 && first + q.rows > kRange &&
      pass.Places(q.rows, scratch->Shared()) > 2) {
    pass.RunRanges(q.rows, scratch->Shared(), scratch);
    return;
  }
  while (tokens > 1 && tokens * group > 16 && num_slices() * kv.num_kv_heads < wanted_tasks) tokens = (tokens + 1) / 2;
  const std::int64_t slices = num_slices();
  ops.pool.Run(static_cast<int>(slices * kv.num_kv_heads), [&](int task, int worker) {
    // Late tokens cost most: they come first, so that no thread is left with a long one at the end.
    const std::int64_t t0 = (slices - 1 - task / kv.num_kv_heads) * tokens;
    const Queries queries{t0, std::min(tokens, q.rows - t0), task % kv.num_kv_heads};
    pass.Run(queries, Tile(scratch->For(worker), kv.head));
  });
}

void FullAttention(const Ops& ops, MatView<const float> q, MatView<const float> k, MatView<const float> v,
                   int num_heads, int head, AttentionScratch* scratch, MatView<float> out) {
  const kernels::FloatKernels& f32 = *ops.kernels.f32;
  const std::int64_t num_slices = (q.rows + kQueryRows - 1) / kQueryRows;
  const float scale = 1.0F / std::sqrt(static_cast<float>(head));
  const auto multiply = f32.kv_multiply[static_cast<std::size_t>(kernels::KvCells::kFloats)];
  ops.pool.Run(static_cast<int>(num_slices * num_heads), [&](int task, int worker) {
    const std::int64_t first = task % num_slices * kQueryRows;
    const std::int64_t column = task / num_slices * head;
    const std::int64_t rows = std::min(kQueryRows, q.rows - first);
    const Tile tile(scratch->For(worker), head);
    float* rows_of_block = tile.floats + kKeyBlock * head;
    for (std::int64_t row = 0; row < rows; ++row) {
      f32.scale(q.Row(first + row) + column, scale, nullptr, head, tile.queries + row * head);
    }
    tile.whole.Begin(rows);
    for (std::int64_t key = 0; key < k.rows; key += kKeyBlock) {
      const std::int64_t count = std::min(kKeyBlock, k.rows - key);
      // Gathered: rows of a picture's keys lie kilobytes apart, often at multiples that share few sets of the caches.
      const auto gather = [&](MatView<const float> from) {
        for (std::int64_t i = 0; i < count; ++i)
          std::copy_n(from.Row(key + i) + column, head, rows_of_block + i * head);
      };
      gather(k);
      f32.transpose(rows_of_block, head, count, head, tile.floats, kKeyBlock);
      multiply({.a = tile.queries,
                .a_stride = head,
                .num_t = rows,
                .b = tile.floats,
                .b_stride = kKeyBlock,
                .num_j = head,
                .num_n = count,
                .out = tile.scores,
                .out_stride = kStep});
      Absorb(f32, tile, tile.whole, 0, rows, count, head, key > 0);
      gather(v);
      multiply({.a = tile.scores,
                .a_stride = kStep,
                .num_t = rows,
                .b = rows_of_block,
                .b_stride = head,
                .num_j = count,
                .num_n = head,
                .out = tile.whole.outputs,
                .out_stride = head,
                .adds = key > 0});
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      f32.scale(tile.whole.outputs + row * head, 1.0F / tile.whole.totals[row], nullptr, head,
                out.Row(first + row) + column);
    }
  });
}

}  // namespace thimble
