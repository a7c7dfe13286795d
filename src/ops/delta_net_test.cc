// SPDX-License-Identifier: Apache-2.0
// The gated delta rule, its convolution and its norm against plain loops over doubles; both forms, any cut.
#include "ops/delta_net.h"

#include "ops_tools.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace thimble {
namespace {

using testing::NormalRows;
using testing::RelativeError;
using testing::Rows;
using testing::RunnableTables;

struct Problem {
  DeltaShape shape;
  Rows qkv;
  Rows alpha;
  Rows beta;
  std::vector<float> a;
  std::vector<float> dt_bias;
  Rows state;  // [U, dv * dk]

  [[nodiscard]] DeltaInputs Inputs(std::int64_t first, std::int64_t count) {
    return {qkv.View().Rows(first, count), alpha.View().Rows(first, count), beta.View().Rows(first, count), a, dt_bias};
  }
};

Problem RandomProblem(const DeltaShape& shape, std::int64_t rows, float gate_size) {
  const std::int64_t channels = 2 * shape.num_key_heads * shape.key_head + shape.num_value_heads * shape.value_head;
  Problem p{shape,
            NormalRows(rows, channels, 1),
            NormalRows(rows, shape.num_value_heads, 2, gate_size),
            NormalRows(rows, shape.num_value_heads, 3, 2.0F),
            {},
            {},
            NormalRows(shape.num_value_heads, static_cast<std::int64_t>(shape.key_head) * shape.value_head, 4, 0.3F)};
  for (int h = 0; h < shape.num_value_heads; ++h) {
    p.a.push_back(-0.05F - 0.4F * static_cast<float>(h));
    p.dt_bias.push_back(0.1F * static_cast<float>(h) - 0.2F);
  }
  return p;
}

// The rule of spec 2.2, steps C to F, token by token; outputs [T, U * dv] and states [U, dv * dk] after the last.
struct Answer {
  std::vector<double> out;
  std::vector<double> state;
};
Answer Solve(const Problem& p) {
  const std::int64_t dk = p.shape.key_head;
  const std::int64_t dv = p.shape.value_head;
  const std::int64_t heads = p.shape.num_value_heads;
  Answer answer{std::vector<double>(static_cast<std::size_t>(p.qkv.rows * heads * dv)),
                std::vector<double>(p.state.values.begin(), p.state.values.end())};
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::int64_t source =
        p.shape.order == HeadOrder::kGrouped ? h / (heads / p.shape.num_key_heads) : h % p.shape.num_key_heads;
    double* state = answer.state.data() + h * dv * dk;
    for (std::int64_t t = 0; t < p.qkv.rows; ++t) {
      const auto index = static_cast<std::size_t>(h);
      const double raw = p.alpha.At(t, h) + static_cast<double>(p.dt_bias[index]);
      const double softplus = raw > 20 ? raw : std::log1p(std::exp(raw));
      const double decay = std::exp(static_cast<double>(p.a[index]) * softplus);
      const double beta = 1 / (1 + std::exp(-p.beta.At(t, h)));
      double q_squares = 0;
      double k_squares = 0;
      for (std::int64_t i = 0; i < dk; ++i) {
        q_squares += std::pow(p.qkv.At(t, source * dk + i), 2);
        k_squares += std::pow(p.qkv.At(t, (p.shape.num_key_heads + source) * dk + i), 2);
      }
      const auto q = [&](std::int64_t i) {
        return p.qkv.At(t, source * dk + i) / std::sqrt(q_squares + 1e-6) / std::sqrt(static_cast<double>(dk));
      };
      const auto k = [&](std::int64_t i) {
        return p.qkv.At(t, (p.shape.num_key_heads + source) * dk + i) / std::sqrt(k_squares + 1e-6);
      };
      for (std::int64_t j = 0; j < dv; ++j) {
        double memory = 0;
        for (std::int64_t i = 0; i < dk; ++i) memory += decay * state[j * dk + i] * k(i);
        const double delta = beta * (p.qkv.At(t, 2 * p.shape.num_key_heads * dk + h * dv + j) - memory);
        double sum = 0;
        for (std::int64_t i = 0; i < dk; ++i) {
          state[j * dk + i] = decay * state[j * dk + i] + delta * k(i);
          sum += state[j * dk + i] * q(i);
        }
        answer.out[static_cast<std::size_t>((t * heads + h) * dv + j)] = sum;
      }
    }
  }
  return answer;
}

struct Outcome {
  Rows out;
  Rows state;
};
// The rule over passes of `cut` rows.
Outcome InPasses(const Ops& ops, Problem p, std::int64_t cut) {
  Rows out(p.qkv.rows, static_cast<std::int64_t>(p.shape.num_value_heads) * p.shape.value_head);
  DeltaScratch scratch = std::move(DeltaScratch::Create(ops.pool.num_threads(), p.shape, p.qkv.rows)).value();
  for (std::int64_t first = 0; first < p.qkv.rows; first += cut) {
    const std::int64_t count = std::min(cut, p.qkv.rows - first);
    GatedDeltaRule(ops, p.shape, p.Inputs(first, count), p.state.values.data(), p.state.values.data(), &scratch,
                   out.View().Rows(first, count));
  }
  return {std::move(out), std::move(p.state)};
}

std::vector<DeltaShape> Shapes() {
  return {{2, 2, 16, 16, HeadOrder::kGrouped}, {2, 4, 32, 32, HeadOrder::kGrouped},
          {2, 4, 32, 32, HeadOrder::kTiled},   {2, 6, 16, 24, HeadOrder::kTiled},
          {1, 2, 128, 128, HeadOrder::kTiled}, {1, 1, 20, 12, HeadOrder::kGrouped}};
}

TEST(DeltaRule, StepsAndChunksOfAnyLengthEqualDoublePrecision) {
  ThreadPool pool(2);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    for (const DeltaShape& shape : Shapes()) {
      const Problem p = RandomProblem(shape, 150, 1.0F);
      const Answer answer = Solve(p);
      for (const std::int64_t cut : {1, 15, 16, 17, 63, 64, 65, 150}) {
        SCOPED_TRACE(std::string(table->name) + ", " + std::to_string(shape.num_value_heads) + " heads of " +
                     std::to_string(shape.key_head) + ", passes of " + std::to_string(cut));
        const Outcome run = InPasses(ops, p, cut);
        EXPECT_LT(RelativeError(run.out, answer.out), 2e-5);
        EXPECT_LT(RelativeError(run.state, answer.state), 2e-5);
      }
    }
  }
}

// Gates that forget everything and gates that forget nothing, side by side: what was forgotten must not spoil what
// follows in the same chunk.
TEST(DeltaRule, ExtremeGatesKeepBothFormsRight) {
  ThreadPool pool(2);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    for (const float size : {0.0F, 30.0F, 1000.0F, 100000.0F}) {
      Problem p = RandomProblem({2, 4, 32, 32, HeadOrder::kGrouped}, 130, size);
      for (std::size_t i = 0; i < p.beta.values.size(); i += 3) p.beta.values[i] = i % 2 == 0 ? 200.0F : -200.0F;
      // Every other gate mild.
      for (std::int64_t t = 0; t < p.alpha.rows; t += 2) {
        for (std::int64_t h = 0; h < p.alpha.cols; ++h) p.alpha.At(t, h) = -3.0F;
      }
      const Answer answer = Solve(p);
      for (const std::int64_t cut : {1, 64, 130}) {
        SCOPED_TRACE(std::string(table->name) + ", gates of " + std::to_string(size) + ", passes of " +
                     std::to_string(cut));
        const Outcome run = InPasses(ops, p, cut);
        EXPECT_LT(RelativeError(run.out, answer.out), 1e-4);
        EXPECT_LT(RelativeError(run.state, answer.state), 1e-4);
      }
    }
  }
}

// Keys that repeat make the triangular system as coupled as it can be; keys of zero length have no direction.
TEST(DeltaRule, EqualKeysAndZeroKeysStayRight) {
  ThreadPool pool(1);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    for (const float key : {0.5F, 0.0F}) {
      Problem p = RandomProblem({1, 1, 16, 16, HeadOrder::kGrouped}, 70, 0.1F);
      for (std::int64_t t = 0; t < p.qkv.rows; ++t) {
        for (std::int64_t i = 16; i < 32; ++i) p.qkv.At(t, i) = key;
        p.alpha.At(t, 0) = -8.0F;
        p.beta.At(t, 0) = 6.0F;
      }
      const Answer answer = Solve(p);
      for (const std::int64_t cut : {1, 70}) {
        SCOPED_TRACE(std::string(table->name) + ", keys of " + std::to_string(key) + ", passes of " +
                     std::to_string(cut));
        const Outcome run = InPasses(ops, p, cut);
        EXPECT_LT(RelativeError(run.out, answer.out), 2e-4);
        EXPECT_LT(RelativeError(run.state, answer.state), 2e-4);
      }
    }
  }
}

TEST(DeltaRule, CutsAtChunksStepsAndThreadsDoNotChangeABit) {
  const Problem p = RandomProblem({2, 4, 32, 32, HeadOrder::kTiled}, 192, 1.0F);
  for (const kernels::KernelTable* table : RunnableTables()) {
    SCOPED_TRACE(table->name);
    ThreadPool one(1);
    const Outcome whole = InPasses({*table, one, Precision::kExact}, p, 192);
    const Outcome steps = InPasses({*table, one, Precision::kExact}, p, 1);
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      const Ops ops{*table, pool, Precision::kExact};
      for (const std::int64_t cut : {64, 128, 192}) {
        const Outcome run = InPasses(ops, p, cut);
        EXPECT_EQ(run.out.values, whole.out.values) << cut;
        EXPECT_EQ(run.state.values, whole.state.values) << cut;
      }
      for (const std::int64_t cut : {1, 3, 15}) {
        const Outcome run = InPasses(ops, p, cut);
        EXPECT_EQ(run.out.values, steps.out.values) << cut;
        EXPECT_EQ(run.state.values, steps.state.values) << cut;
      }
    }
  }
}

TEST(DeltaRule, LeavesTheStateItReadsFromAsItWas) {
  ThreadPool pool(2);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    for (const std::int64_t rows : {3, 70}) {
      Problem p = RandomProblem({2, 4, 16, 16, HeadOrder::kGrouped}, rows, 1.0F);
      const Outcome in_place = InPasses(ops, p, rows);
      const Rows before = p.state;
      Rows after(p.state.rows, p.state.cols);
      Rows out(rows, 64);
      DeltaScratch scratch = std::move(DeltaScratch::Create(2, p.shape, rows)).value();
      GatedDeltaRule(ops, p.shape, p.Inputs(0, rows), p.state.values.data(), after.values.data(), &scratch, out.View());
      EXPECT_EQ(p.state.values, before.values);
      EXPECT_EQ(after.values, in_place.state.values);
      EXPECT_EQ(out.values, in_place.out.values);
    }
  }
}

TEST(ShortConvolution, EqualsDoublePrecisionAndKeepsItsTailOverAnyCut) {
  ThreadPool pool(2);
  constexpr std::int64_t kRows = 40;
  constexpr std::int64_t kCols = 37;
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kExact};
    for (const int taps : {4, 3, 2}) {
      SCOPED_TRACE(std::string(table->name) + ", " + std::to_string(taps) + " taps");
      Rows x = NormalRows(kRows, kCols, 5);
      const Rows first_tail = NormalRows(taps - 1, kCols, 6);
      const Rows weight = NormalRows(taps, kCols, 7);
      std::vector<double> wanted;
      for (std::int64_t t = 0; t < kRows; ++t) {
        for (std::int64_t c = 0; c < kCols; ++c) {
          double sum = 0;
          for (int j = 0; j < taps; ++j) {
            const std::int64_t from = t - (taps - 1) + j;
            sum += weight.At(j, c) * (from >= 0 ? std::as_const(x).At(from, c) : first_tail.At(taps - 1 + from, c));
          }
          wanted.push_back(sum / (1 + std::exp(-sum)));
        }
      }
      Rows whole(kRows, kCols);
      Rows tail = first_tail;
      ShortConvolution(ops, x.View(), tail.View(), weight.values, taps, whole.View(), tail.View());
      EXPECT_LT(RelativeError(whole, wanted), 1e-6);
      const std::vector<float> last(x.values.end() - (taps - 1) * kCols, x.values.end());
      EXPECT_EQ(tail.values, last);
      for (const std::int64_t cut : {1, 2, 7}) {
        Rows out(kRows, kCols);
        tail = first_tail;
        for (std::int64_t first = 0; first < kRows; first += cut) {
          const std::int64_t count = std::min(cut, kRows - first);
          ShortConvolution(ops, x.View().Rows(first, count), tail.View(), weight.values, taps,
                           out.View().Rows(first, count), tail.View());
        }
        EXPECT_EQ(out.values, whole.values) << cut;
        EXPECT_EQ(tail.values, last) << cut;
      }
    }
  }
}

TEST(GatedRmsNorm, EqualsDoublePrecision) {
  ThreadPool pool(2);
  const Rows x = NormalRows(19, 5 * 24, 8);
  const Rows z = NormalRows(19, 5 * 24, 9, 4.0F);
  const Rows weight = NormalRows(1, 24, 10);
  std::vector<double> wanted;
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t i = 0; i < x.cols; ++i) {
      double squares = 0;
      for (std::int64_t j = i / 24 * 24; j < i / 24 * 24 + 24; ++j) squares += x.At(t, j) * x.At(t, j);
      const double silu = z.At(t, i) / (1 + std::exp(-z.At(t, i)));
      wanted.push_back(x.At(t, i) / std::sqrt(squares / 24 + 1e-6) * weight.At(0, i % 24) * silu);
    }
  }
  for (const kernels::KernelTable* table : RunnableTables()) {
    SCOPED_TRACE(table->name);
    Rows in_place = x;
    Rows gate = z;
    GatedRmsNorm({*table, pool, Precision::kExact}, in_place.View(), gate.View(), weight.values, 1e-6F,
                 in_place.View());
    EXPECT_LT(RelativeError(in_place, wanted), 1e-6);
    EXPECT_EQ(gate.values, z.values);
  }
}

}  // namespace
}  // namespace thimble
