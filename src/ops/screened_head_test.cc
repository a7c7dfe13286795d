// SPDX-License-Identifier: Apache-2.0
// The screened head against the full one: the highest logits are the same to the bit, and no logit is ever outside its
// bounds, over millions of rows of random and hostile numbers on every instruction set this processor runs.
#include "ops/screened_head.h"

#include "base/half.h"
#include "kernels/pack.h"
#include "ops_tools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace thimble {
namespace {

using testing::RunnableTables;

// Rows of Q8_0 or Q6_K: random codes, and scales that the caller chooses per row.
struct Head {
  DType dtype;
  std::int64_t rows;
  std::int64_t cols;
  std::vector<std::byte> bytes;

  template <typename Scale>
  Head(DType type, std::int64_t num_rows, std::int64_t num_cols, unsigned seed, const Scale& scale)
      : dtype(type), rows(num_rows), cols(num_cols) {
    std::mt19937 random(seed);
    const auto row_bytes = RowBytes(dtype, static_cast<std::uint64_t>(cols));
    bytes.resize(row_bytes * static_cast<std::uint64_t>(rows));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    const auto block_bytes = static_cast<std::size_t>(TraitsOf(dtype).block_bytes);
    for (std::size_t at = 0; at < bytes.size(); at += block_bytes) {
      const std::uint16_t half = F32ToF16(scale(static_cast<std::int64_t>(at / row_bytes)));
      std::memcpy(bytes.data() + at + (dtype == DType::kQ6_K ? 208 : 0), &half, 2);
    }
  }
  [[nodiscard]] std::span<std::byte> Row(std::int64_t row) {
    const auto size = static_cast<std::size_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols)));
    return std::span(bytes).subspan(static_cast<std::size_t>(row) * size, size);
  }
  void CopyRow(std::int64_t from, std::int64_t to) { std::ranges::copy(Row(from), Row(to).begin()); }
};
float SomeScale(std::int64_t) { return 0.001F; }

// What a head is asked with: a table, its weights packed, their screen.
struct Screened {
  ThreadPool pool{2};
  Ops ops;
  PackedMatrix packed;
  ScreenedHead screen;
  Activations x;
  std::vector<float> full;
  std::vector<float> some;
  ScreenScratch scratch;

  Screened(const kernels::KernelTable& table, const Head& head) : ops{table, pool} {
    packed = std::move(PackedMatrix::Pack(head.dtype, head.rows, head.cols, head.bytes, &pool)).value();
    EXPECT_TRUE(ScreenedHead::CanScreen(packed.family(), packed.rows(), packed.cols()));
    screen = std::move(ScreenedHead::Create(packed, &pool)).value();
    x = std::move(Activations::Create(1, head.cols)).value();
    full.resize(static_cast<std::size_t>(head.rows));
    some.resize(full.size());
  }
  void Multiply(const std::vector<float>& activations) {
    x.Set(MatView<const float>(activations.data(), 1, packed.cols()));
    MatMul(ops, &x, packed, MatView<float>(full.data(), 1, packed.rows()));
  }
  // As if nothing had been asked before: a screen that backs off answers nothing.
  bool Compute(const BestLogits& best) {
    scratch = ScreenScratch();
    return screen.Compute(ops, packed, best, &x, &scratch, some);
  }
};

std::vector<float> RandomActivations(std::int64_t cols, unsigned seed) {
  return testing::NormalRows(1, cols, seed).values;
}

// The highest of what `best` asks for, as the sampler takes them: by falling logit, lower rows first among equals.
std::vector<std::pair<float, std::int32_t>> Highest(const std::vector<float>& logits, const BestLogits& best) {
  std::vector<std::pair<float, std::int32_t>> all;
  const std::size_t limit = best.num_rows > 0 ? static_cast<std::size_t>(best.num_rows) : logits.size();
  for (std::size_t i = 0; i < limit; ++i) {
    const auto row = static_cast<std::int32_t>(i);
    const float logit = best.lowered ? best.lowered(row, logits[i]) : logits[i];
    if (!std::isnan(logit)) all.emplace_back(-logit, row);
  }
  const auto count = std::min(all.size(), static_cast<std::size_t>(best.count));
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end());
  all.resize(count);
  return all;
}

// Asks for 1 to 64 logits; returns how often that was answered.
int CheckHighest(Screened* s, const BestLogits& like = {}) {
  int answered = 0;
  for (const int count : {1, 2, 5, 20, 40, 64}) {
    BestLogits best = like;
    best.count = count;
    if (!s->Compute(best)) continue;
    ++answered;
    EXPECT_EQ(Highest(s->full, best), Highest(s->some, best)) << count << " of " << s->full.size();
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < s->full.size(); ++i)
      wrong += s->some[i] != -INFINITY && std::memcmp(&s->some[i], &s->full[i], sizeof(float)) != 0;
    EXPECT_EQ(wrong, 0);
  }
  return answered;
}

// Every logit against its bounds. Returns the largest share of the bound that was needed.
double CheckBounds(Screened* s) {
  const ScreenedHead::Activation a = s->screen.Measure(s->x.Quantised(s->ops));
  if (!a.is_safe) return 0;
  std::vector<float> screened(s->full.size());
  MatMul(s->ops, &s->x, s->screen.copy(), MatView<float>(screened.data(), 1, s->packed.rows()));
  double most = 0;
  std::int64_t outside = 0;
  for (std::size_t i = 0; i < screened.size(); ++i) {
    const double bound = static_cast<double>(s->screen.row_bounds()[i]) * static_cast<double>(a.norm) + a.slack;
    if (!std::isfinite(bound)) continue;
    const double off = std::fabs(static_cast<double>(s->full[i]) - static_cast<double>(screened[i]) - a.shift);
    outside += !(off <= bound);
    most = std::max(most, off / bound);
  }
  EXPECT_EQ(outside, 0);
  return most;
}

TEST(ScreenedHead, RandomRowsGiveTheSameHighestLogits) {
  std::int64_t rows = 0;
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const DType dtype : {DType::kQ8_0, DType::kQ6_K}) {
      for (const std::int64_t cols : {256, 512, 1024}) {
        SCOPED_TRACE(::testing::Message() << table->name << ", " << TraitsOf(dtype).name << ", " << cols);
        const bool is_scalar = std::string(table->name) == "scalar";
        const Head head(dtype, is_scalar ? 2003 : 40009, cols, 1, SomeScale);  // no multiple of a panel's rows
        Screened s(*table, head);
        int answered = 0;
        for (unsigned seed = 0; seed < (is_scalar ? 4 : 12); ++seed) {
          s.Multiply(RandomActivations(cols, seed));
          answered += CheckHighest(&s);
          const double needed = CheckBounds(&s);
          EXPECT_GT(needed, 0.05);  // the bound is about this product
          rows += head.rows;
        }
        EXPECT_GT(answered, 0);
      }
    }
  }
  EXPECT_GE(rows, 2000000);
}

// Activations along what the copy leaves of a row need all of the bound; along the row, its highest logits stand out.
TEST(ScreenedHead, TheBoundIsReachedAndNotPassed) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const DType dtype : {DType::kQ8_0, DType::kQ6_K}) {
      SCOPED_TRACE(table->name);
      const Head head(dtype, 300, 512, 3, [](std::int64_t row) { return 0.001F * static_cast<float>(1 + row % 7); });
      Screened s(*table, head);
      std::vector<float> row(512);
      std::vector<float> copy(512);
      double most = 0;
      for (std::int64_t r = 0; r < 300; r += 7) {
        s.packed.RowToFloat(r, row.data());
        s.screen.copy().RowToFloat(r, copy.data());
        std::vector<float> x(512);
        for (std::size_t k = 0; k < x.size(); ++k) x[k] = row[k] - s.screen.mean()[k] - copy[k];
        s.Multiply(x);
        most = std::max(most, CheckBounds(&s));
        s.Multiply(row);
        CheckBounds(&s);
        CheckHighest(&s);
      }
      EXPECT_GT(most, 0.98);
    }
  }
}

// Activations that the copy is blind for: along what it leaves of one of few large rows.
TEST(ScreenedHead, RowsThatTheCopyUnderratesAreFound) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const DType dtype : {DType::kQ8_0, DType::kQ6_K}) {
      SCOPED_TRACE(table->name);
      const Head head(dtype, 20000, 256, 17, [](std::int64_t row) { return row % 333 == 1 ? 0.01F : 1e-6F; });
      Screened s(*table, head);
      std::vector<float> row(256);
      std::vector<float> copy(256);
      int answered = 0;
      for (std::int64_t r = 1; r < 20000; r += 333) {
        s.packed.RowToFloat(r, row.data());
        s.screen.copy().RowToFloat(r, copy.data());
        std::vector<float> x(256);
        for (std::size_t k = 0; k < x.size(); ++k) x[k] = row[k] - s.screen.mean()[k] - copy[k];
        s.Multiply(x);
        answered += CheckHighest(&s);
      }
      EXPECT_GT(answered, 100);
    }
  }
}

TEST(ScreenedHead, EqualRowsAndTiesGoToTheLowerRows) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    SCOPED_TRACE(table->name);
    Head head(DType::kQ8_0, 6000, 256, 5, SomeScale);
    std::mt19937 random(1);
    // Many copies of a few rows, so that any number asked for ends among equals.
    for (int i = 0; i < 60; ++i) head.CopyRow(4321 - i % 3, static_cast<std::int64_t>(random() % 6000));
    head.CopyRow(4321, 5999);
    head.CopyRow(4321, 0);
    Screened s(*table, head);
    std::vector<float> along(256);
    int answered = 0;
    for (const std::int64_t row : {4321, 4320, 4319}) {
      s.packed.RowToFloat(row, along.data());
      s.Multiply(along);
      CheckBounds(&s);
      answered += CheckHighest(&s);
    }
    EXPECT_GT(answered, 6);
  }
}

TEST(ScreenedHead, AllEqualRowsAndNoActivationsAreLeftToTheFullHead) {
  Head head(DType::kQ8_0, 4000, 256, 5, SomeScale);
  for (std::int64_t row = 1; row < 4000; ++row) head.CopyRow(0, row);
  Screened s(*RunnableTables().front(), head);
  s.Multiply(RandomActivations(256, 1));
  CheckBounds(&s);
  EXPECT_EQ(CheckHighest(&s), 0);
  s.Multiply(std::vector<float>(256, 0.0F));
  CheckBounds(&s);
  EXPECT_EQ(CheckHighest(&s), 0);
}

// Scales of every size, also such that products overflow, are no numbers or vanish; activations likewise.
TEST(ScreenedHead, HostileNumbers) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> scales = {{6e-8F, 0.0F},     {65504.0F, 1e-3F}, {6e-8F, 65504.0F},
                                                  {1e-5F, INFINITY}, {1e-3F, kNan},     {-1e-3F, 1e-3F, -2e-2F}};
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const DType dtype : {DType::kQ8_0, DType::kQ6_K}) {
      for (std::size_t which = 0; which < scales.size(); ++which) {
        const std::vector<float>& some = scales[which];
        const Head head(dtype, 4000, 256, 9, [&](std::int64_t row) {
          // The second kind is rare: rows that always survive are few.
          return row % 500 == 3 ? some[1] : some.size() > 2 && row % 700 == 5 ? some[2] : some[0];
        });
        Screened s(*table, head);
        for (const float size : {1.0F, 1e-30F, 1e-42F, 1e20F, 3e37F}) {
          SCOPED_TRACE(::testing::Message() << table->name << ", " << TraitsOf(dtype).name << ", scales " << which
                                            << ", activations " << size);
          std::vector<float> x = RandomActivations(256, 2);
          for (float& value : x) value *= size;
          s.Multiply(x);
          CheckHighest(&s);
          CheckBounds(&s);
          x[7] = kNan;
          x[8] = INFINITY;
          s.Multiply(x);
          CheckHighest(&s);
        }
      }
    }
  }
}

TEST(ScreenedHead, LoweredRowsLetOthersIn) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    SCOPED_TRACE(table->name);
    const Head head(DType::kQ8_0, 20000, 512, 11, SomeScale);
    Screened s(*table, head);
    int answered = 0;
    for (unsigned seed = 0; seed < 10; ++seed) {
      s.Multiply(RandomActivations(512, seed));
      BestLogits all;
      all.count = 12;
      std::vector<std::int32_t> high;
      for (const auto& [logit, row] : Highest(s.full, all)) high.push_back(row);
      for (const float by : {0.1F, 1.0F, 1000.0F}) {
        BestLogits best;
        best.lowered = [&](std::int32_t row, float logit) {
          return std::find(high.begin(), high.end(), row) != high.end() ? logit - by : logit;
        };
        answered += CheckHighest(&s, best);
      }
    }
    EXPECT_GT(answered, 0);
  }
}

TEST(ScreenedHead, RowsBehindTheLastThatCountsDoNotRaiseTheThreshold) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    SCOPED_TRACE(table->name);
    // The rows behind row 15,003 are a hundred times as large.
    const Head head(DType::kQ8_0, 16000, 512, 13, [](std::int64_t row) { return row >= 15003 ? 0.1F : 0.001F; });
    Screened s(*table, head);
    BestLogits best;
    best.num_rows = 15003;
    int answered = 0;
    for (unsigned seed = 0; seed < 4; ++seed) {
      s.Multiply(RandomActivations(512, seed));
      answered += CheckHighest(&s, best);
    }
    EXPECT_GT(answered, 0);
  }
}

TEST(ScreenedHead, WhatLeavesTooMuchIsTriedLessAndLess) {
  Head head(DType::kQ8_0, 4000, 256, 5, SomeScale);
  for (std::int64_t row = 1; row < 4000; ++row) head.CopyRow(0, row);
  Screened s(*RunnableTables().front(), head);
  s.Multiply(RandomActivations(256, 1));
  BestLogits best;
  EXPECT_FALSE(s.screen.Compute(s.ops, s.packed, best, &s.x, &s.scratch, s.some));  // of no logits
  best.count = ScreenedHead::kMaxCount + 1;
  EXPECT_FALSE(s.screen.Compute(s.ops, s.packed, best, &s.x, &s.scratch, s.some));
  EXPECT_EQ(s.scratch.counts().passes, 0);
  best.count = 1;
  for (int pass = 0; pass < 2000; ++pass)
    EXPECT_FALSE(s.screen.Compute(s.ops, s.packed, best, &s.x, &s.scratch, s.some));
  const ScreenCounts counts = s.scratch.counts();
  EXPECT_EQ(counts.passes, 2000);
  EXPECT_EQ(counts.tried, 12);  // passes 1, 3, 6, 11, ... 521, 1034, 1547
  EXPECT_EQ(counts.answered, 0);
  EXPECT_DOUBLE_EQ(counts.surviving_rows, 12);
}

}  // namespace
}  // namespace thimble
