// SPDX-License-Identifier: Apache-2.0
// Attention against plain loops over doubles: grouped heads, pages, both cache types, any cut of the queries.
#include "ops/attention.h"

#include "base/half.h"
#include "ops_tools.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace thimble {
namespace {

using testing::NormalRows;
using testing::RelativeError;
using testing::Rows;
using testing::RunnableTables;

// A cache with memory of its own.
class Cache {
 public:
  Cache(KvType type, int num_kv_heads, int head, std::int64_t tokens) {
    const std::size_t page_bytes =
        static_cast<std::size_t>(2 * num_kv_heads * KvView::kPageTokens) * KvRowBytes(type, head);
    for (std::int64_t first = 0; first < tokens; first += KvView::kPageTokens) {
      // What was never stored must never be read: bytes of NaN in either type.
      memory_.push_back(std::move(Buffer<std::byte>::Create(page_bytes)).value());
      std::fill(memory_.back().data(), memory_.back().data() + page_bytes, std::byte{0xFF});
      pages_.push_back(memory_.back().data());
    }
    view_.type = type;
    view_.num_kv_heads = num_kv_heads;
    view_.head = head;
    view_.pages = pages_.data();
    view_.length = tokens;
  }
  [[nodiscard]] const KvView& view() const { return view_; }

 private:
  std::vector<Buffer<std::byte>> memory_;
  std::vector<std::byte*> pages_;
  KvView view_;
};

struct Problem {
  int num_heads;
  int num_kv_heads;
  int head;
  int stride;  // of query heads
  Rows q, k, v;
};
Problem RandomProblem(int num_heads, int num_kv_heads, int head, int stride, std::int64_t tokens, float size) {
  return {num_heads,
          num_kv_heads,
          head,
          stride,
          NormalRows(tokens, static_cast<std::int64_t>(num_heads) * stride, 1, size),
          NormalRows(tokens, static_cast<std::int64_t>(num_kv_heads) * head, 2, size),
          NormalRows(tokens, static_cast<std::int64_t>(num_kv_heads) * head, 3)};
}

// The last `num_queries` tokens of `tokens`.
Problem LastRows(int num_heads, int num_kv_heads, int head, std::int64_t tokens, std::int64_t num_queries) {
  Problem p = RandomProblem(num_heads, num_kv_heads, head, head, tokens, 1.0F);
  p.q = NormalRows(num_queries, static_cast<std::int64_t>(num_heads) * head, 4);
  return p;
}

// Row t over keys 0 .. seen(t) - 1.
template <typename F>
std::vector<double> Solve(const Problem& p, const F& seen) {
  std::vector<double> out;
  for (std::int64_t t = 0; t < p.q.rows; ++t) {
    for (int h = 0; h < p.num_heads; ++h) {
      const std::int64_t kv = static_cast<std::int64_t>(h / (p.num_heads / p.num_kv_heads)) * p.head;
      std::vector<double> scores(static_cast<std::size_t>(seen(t)));
      for (std::int64_t s = 0; s < seen(t); ++s) {
        double sum = 0;
        for (int i = 0; i < p.head; ++i)
          sum += p.q.At(t, static_cast<std::int64_t>(h) * p.stride + i) * p.k.At(s, kv + i);
        scores[static_cast<std::size_t>(s)] = sum / std::sqrt(static_cast<double>(p.head));
      }
      const double largest = *std::max_element(scores.begin(), scores.end());
      double total = 0;
      for (double& score : scores) total += score = std::exp(score - largest);
      for (int i = 0; i < p.head; ++i) {
        double sum = 0;
        for (std::int64_t s = 0; s < seen(t); ++s)
          sum += scores[static_cast<std::size_t>(s)] / total * p.v.At(s, kv + i);
        out.push_back(sum);
      }
    }
  }
  return out;
}

// All rows, stored and asked in passes of `cut`.
Rows Causal(const Ops& ops, Problem p, KvType type, std::int64_t cut) {
  const Cache cache(type, p.num_kv_heads, p.head, p.q.rows);
  AttentionScratch scratch = std::move(AttentionScratch::Create(ops.pool.num_threads(), p.head)).value();
  Rows out(p.q.rows, static_cast<std::int64_t>(p.num_heads) * p.head);
  for (std::int64_t first = 0; first < p.q.rows; first += cut) {
    const std::int64_t count = std::min(cut, p.q.rows - first);
    StoreKv(ops, cache.view(), first, p.k.View().Rows(first, count), p.v.View().Rows(first, count));
    CausalAttention(ops, p.q.View().Rows(first, count), p.num_heads, p.stride, cache.view(), first, &scratch,
                    out.View().Rows(first, count));
  }
  return out;
}

// The queries of LastRows in one pass.
Rows AskLast(const Ops& ops, const Problem& p, KvType type) {
  const Cache cache(type, p.num_kv_heads, p.head, p.k.rows);
  AttentionScratch scratch = std::move(AttentionScratch::Create(ops.pool.num_threads(), p.head)).value();
  Problem stored = p;
  StoreKv(ops, cache.view(), 0, stored.k.View(), stored.v.View());
  Rows out(p.q.rows, static_cast<std::int64_t>(p.num_heads) * p.head);
  CausalAttention(ops, stored.q.View(), p.num_heads, p.stride, cache.view(), p.k.rows - p.q.rows, &scratch, out.View());
  return out;
}

TEST(CausalAttention, EqualsDoublePrecisionForAnyGrouping) {
  ThreadPool pool(2);
  struct Shape {
    int heads, kv_heads, head, stride;
    std::int64_t tokens;
  };
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    for (const Shape& s :
         {Shape{4, 2, 64, 128, 70}, Shape{6, 2, 32, 32, 129}, Shape{4, 1, 256, 512, 40}, Shape{3, 3, 20, 27, 66},
          Shape{16, 4, 16, 32, 300}, Shape{32, 1, 16, 16, 33}, Shape{5, 1, 72, 72, 150}, Shape{14, 2, 36, 40, 65},
          Shape{16, 1, 80, 80, 140}, Shape{2, 2, 16, 16, 1100}}) {
      SCOPED_TRACE(std::string(table->name) + ", " + std::to_string(s.heads) + "/" + std::to_string(s.kv_heads) +
                   " heads of " + std::to_string(s.head));
      const Problem p = RandomProblem(s.heads, s.kv_heads, s.head, s.stride, s.tokens, 1.0F);
      const auto wanted = Solve(p, [](std::int64_t t) { return t + 1; });
      EXPECT_LT(RelativeError(Causal(ops, p, KvType::kF32, s.tokens), wanted), 2e-6);
      // Half precision has 11 bits: keys move scores a little, values the outputs. Codes have 8.
      EXPECT_LT(RelativeError(Causal(ops, p, KvType::kF16, s.tokens), wanted), 2e-3);
      EXPECT_LT(RelativeError(Causal(ops, p, KvType::kQ8, s.tokens), wanted), 3e-2);
    }
  }
}

TEST(CausalAttention, AHalfPrecisionCacheLosesNothingButTheRoundingOfKeysAndValues) {
  ThreadPool pool(2);
  Problem p = RandomProblem(4, 2, 32, 64, 280, 1.0F);
  Problem rounded = p;
  for (Rows* rows : {&rounded.k, &rounded.v}) {
    for (float& value : rows->values) value = F16ToF32(F32ToF16(value));
  }
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kFast};
    EXPECT_EQ(Causal(ops, p, KvType::kF16, 280).values, Causal(ops, rounded, KvType::kF32, 280).values) << table->name;
  }
}

TEST(CausalAttention, CutsAndThreadsDoNotChangeABit) {
  const Problem p = RandomProblem(6, 2, 32, 64, 300, 1.0F);
  for (const kernels::KernelTable* table : RunnableTables()) {
    ThreadPool one(1);
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kQ8}) {
      const Rows whole = Causal({*table, one, Precision::kExact}, p, type, 300);
      for (const int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        for (const std::int64_t cut : {1, 7, 64, 255, 256}) {
          EXPECT_EQ(Causal({*table, pool, Precision::kExact}, p, type, cut).values, whole.values)
              << table->name << ", passes of " << cut << ", " << threads << " threads";
        }
      }
    }
  }
}

// Few queries after many tokens: threads divide the keys.
TEST(CausalAttention, ALongPastEqualsDoublePrecisionOnAnyNumberOfThreads) {
  struct Shape {
    int heads, kv_heads, head;
    std::int64_t tokens, queries;
  };
  for (const kernels::KernelTable* table : RunnableTables()) {
    // Around the borders of ranges and pages; the last one has more ranges than wait for being merged at a time.
    for (const Shape& s : {Shape{4, 1, 32, 511, 1}, Shape{4, 1, 32, 512, 1}, Shape{4, 1, 32, 513, 1},
                           Shape{4, 2, 64, 1025, 3}, Shape{8, 2, 40, 1539, 2}, Shape{8, 2, 256, 2200, 8}}) {
      SCOPED_TRACE(std::string(table->name) + ", " + std::to_string(s.tokens) + " tokens, " +
                   std::to_string(s.queries) + " rows");
      const Problem p = LastRows(s.heads, s.kv_heads, s.head, s.tokens, s.queries);
      const auto wanted = Solve(p, [&](std::int64_t t) { return s.tokens - s.queries + t + 1; });
      for (const auto& [type, bound] :
           {std::pair{KvType::kF32, 2e-6}, std::pair{KvType::kF16, 2e-3}, std::pair{KvType::kQ8, 3e-2}}) {
        ThreadPool one(1);
        const Rows alone = AskLast({*table, one, Precision::kFast}, p, type);
        EXPECT_LT(RelativeError(alone, wanted), bound);
        for (const int threads : {2, 3, 8}) {
          ThreadPool pool(threads);
          EXPECT_EQ(AskLast({*table, pool, Precision::kFast}, p, type).values, alone.values) << threads << " threads";
        }
      }
    }
  }
}

// A prompt's rows, asked in large passes, have the bits of single ones across ranges too.
TEST(CausalAttention, RangesOfKeysDoNotDependOnThePass) {
  const Problem p = RandomProblem(2, 1, 16, 16, 1100, 1.0F);
  for (const kernels::KernelTable* table : RunnableTables()) {
    ThreadPool one(1);
    ThreadPool two(2);
    for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kQ8}) {
      const Rows whole = Causal({*table, one, Precision::kExact}, p, type, 1100);
      for (const std::int64_t cut : {1, 13, 192}) {
        EXPECT_EQ(Causal({*table, two, Precision::kExact}, p, type, cut).values, whole.values)
            << table->name << ", passes of " << cut;
      }
    }
  }
}

TEST(CausalAttention, SharpAndHugeScoresStayFiniteAndRight) {
  ThreadPool pool(2);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    // Scores of some +-4e6: e^x overflows by far, and one key takes everything.
    const Problem sharp = RandomProblem(2, 1, 32, 32, 140, 1000.0F);
    EXPECT_LT(RelativeError(Causal(ops, sharp, KvType::kF32, 140), Solve(sharp, [](std::int64_t t) { return t + 1; })),
              1e-5)
        << table->name;
    // The same when the keys that take everything lie in other ranges than the query.
    const Problem far = RandomProblem(2, 1, 32, 32, 1200, 1000.0F);
    EXPECT_LT(RelativeError(Causal(ops, far, KvType::kF32, 1200), Solve(far, [](std::int64_t t) { return t + 1; })),
              1e-5)
        << table->name;
    // Scores that all are alike: the mean of the values.
    Problem flat = RandomProblem(2, 1, 32, 32, 140, 1.0F);
    std::fill(flat.q.values.begin(), flat.q.values.end(), 0.0F);
    const Rows means = Causal(ops, flat, KvType::kF32, 140);
    double sum = 0;
    for (std::int64_t t = 0; t < 140; ++t) {
      sum += flat.v.At(t, 3);
      EXPECT_NEAR(std::as_const(means).At(t, 3), sum / static_cast<double>(t + 1), 1e-6) << table->name;
    }
  }
}

TEST(FullAttention, EqualsDoublePrecisionOverStridedRows) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const auto& [heads, head, tokens] : {std::tuple{3, 24, 77}, std::tuple{4, 16, 1}, std::tuple{2, 72, 130}}) {
      SCOPED_TRACE(std::string(table->name) + ", " + std::to_string(tokens) + " patches");
      const Problem p = RandomProblem(heads, heads, head, head, tokens, 1.0F);
      const auto wanted = Solve(p, [&](std::int64_t) { return std::int64_t{tokens}; });
      // Queries, keys and values side by side, as the tower has them.
      const std::int64_t width = static_cast<std::int64_t>(heads) * head;
      Rows qkv(tokens, 3 * width);
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t i = 0; i < width; ++i) {
          qkv.At(t, i) = static_cast<float>(p.q.At(t, i));
          qkv.At(t, width + i) = static_cast<float>(p.k.At(t, i));
          qkv.At(t, 2 * width + i) = static_cast<float>(p.v.At(t, i));
        }
      }
      std::vector<float> first;
      for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        AttentionScratch scratch = std::move(AttentionScratch::Create(threads, head)).value();
        Rows out(tokens, width);
        FullAttention({*table, pool, Precision::kExact}, qkv.View().Cols(0, width), qkv.View().Cols(width, width),
                      qkv.View().Cols(2 * width, width), heads, head, &scratch, out.View());
        EXPECT_LT(RelativeError(out, wanted), 2e-6);
        if (first.empty()) first = out.values;
        EXPECT_EQ(out.values, first);
      }
    }
  }
}

}  // namespace
}  // namespace thimble
