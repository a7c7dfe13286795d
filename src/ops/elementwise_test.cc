// SPDX-License-Identifier: Apache-2.0
// Norms, activations and sums of rows against doubles, on strided rows, in place, on any number of threads.
#include "ops/elementwise.h"

#include "ops_tools.h"

#include <gtest/gtest.h>

#include <functional>

namespace thimble {
namespace {

using testing::NormalRows;
using testing::RelativeError;
using testing::Rows;
using testing::RunnableTables;

constexpr double kEps = 1e-6;

// Runs `op` on a copy of `x` on every instruction set, on one thread and on three; both must give the same bits, which
// must be close to `wanted`.
void Check(const Rows& x, const std::vector<double>& wanted, const std::function<void(const Ops&, MatView<float>)>& op,
           double tolerance = 1e-6) {
  for (const kernels::KernelTable* table : RunnableTables()) {
    SCOPED_TRACE(table->name);
    std::vector<float> first;
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Rows out = x;
      op({*table, pool, Precision::kFast}, out.View());
      EXPECT_LT(RelativeError(out, wanted), tolerance);
      if (first.empty()) first = out.values;
      EXPECT_EQ(out.values, first) << threads << " threads";
    }
  }
}

// The value of every element from its row and column.
std::vector<double> Wanted(const Rows& x, const std::function<double(std::int64_t, std::int64_t)>& f) {
  std::vector<double> out;
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t i = 0; i < x.cols; ++i) out.push_back(f(t, i));
  }
  return out;
}

double MeanSquare(const Rows& x, std::int64_t t, std::int64_t first, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = first; i < first + count; ++i) sum += x.At(t, i) * x.At(t, i);
  return sum / static_cast<double>(count);
}

TEST(RmsNorm, EqualsDoublePrecisionInPlace) {
  // 70 rows of 1027 columns are worth several threads; 1027 is no multiple of any vector.
  for (const auto& [rows, cols] : {std::pair{1, 64}, std::pair{3, 7}, std::pair{70, 1027}}) {
    const Rows x = NormalRows(rows, cols, 1, 3.0F);
    const Rows weight = NormalRows(1, cols, 2);
    const auto wanted = Wanted(x, [&](std::int64_t t, std::int64_t i) {
      return x.At(t, i) / std::sqrt(MeanSquare(x, t, 0, x.cols) + kEps) * weight.At(0, i);
    });
    Check(x, wanted, [&](const Ops& ops, MatView<float> out) { RmsNorm(ops, out, weight.values, 1e-6F, out); });
  }
}

TEST(RmsNorm, TinyAndZeroRowsAreHeldByTheEpsilon) {
  Rows x = NormalRows(2, 32, 3, 1e-4F);
  for (std::int64_t i = 0; i < 32; ++i) x.At(1, i) = 0;
  const Rows weight = NormalRows(1, 32, 4);
  const Rows& values = x;
  const auto wanted = Wanted(x, [&](std::int64_t t, std::int64_t i) {
    return values.At(t, i) / std::sqrt(MeanSquare(x, t, 0, 32) + kEps) * weight.At(0, i);
  });
  Check(x, wanted, [&](const Ops& ops, MatView<float> out) { RmsNorm(ops, out, weight.values, 1e-6F, out); });
}

TEST(RmsNormHeads, NormsEachHeadOfAColumnRangeAndLeavesTheRest) {
  // Query and gate side by side: only the query half of each row is normed.
  const Rows x = NormalRows(40, 2 * 96, 5, 2.0F);
  const Rows weight = NormalRows(1, 24, 6);
  const auto wanted = Wanted(x, [&](std::int64_t t, std::int64_t i) {
    if (i >= 96) return x.At(t, i);
    return x.At(t, i) / std::sqrt(MeanSquare(x, t, i / 24 * 24, 24) + kEps) * weight.At(0, i % 24);
  });
  Check(x, wanted,
        [&](const Ops& ops, MatView<float> out) { RmsNormHeads(ops, out.Cols(0, 96), weight.values, 1e-6F); });
}

TEST(LayerNorm, EqualsDoublePrecisionAlsoFarFromZero) {
  for (const float offset : {0.0F, 1000.0F}) {
    Rows x = NormalRows(50, 72, 7);
    for (float& value : x.values) value += offset;
    const Rows weight = NormalRows(1, 72, 8);
    const Rows bias = NormalRows(1, 72, 9);
    const Rows& values = x;
    const auto wanted = Wanted(x, [&](std::int64_t t, std::int64_t i) {
      double mean = 0;
      for (std::int64_t j = 0; j < 72; ++j) mean += values.At(t, j) / 72;
      double variance = 0;
      for (std::int64_t j = 0; j < 72; ++j) variance += std::pow(values.At(t, j) - mean, 2) / 72;
      return (values.At(t, i) - mean) / std::sqrt(variance + kEps) * weight.At(0, i) + bias.At(0, i);
    });
    // A mean of 1000 is known to 6e-5 in float32.
    Check(
        x, wanted,
        [&](const Ops& ops, MatView<float> out) { LayerNorm(ops, out, weight.values, bias.values, 1e-6F, out); },
        offset > 0 ? 1e-4 : 1e-6);
  }
}

TEST(Sums, AddRowsAndBiasesExactly) {
  const Rows x = NormalRows(90, 700, 10);
  Rows y = NormalRows(90, 700, 11);
  const Rows bias = NormalRows(1, 700, 12);
  const auto sum = [](double a, double b) {
    return static_cast<double>(static_cast<float>(a) + static_cast<float>(b));
  };
  const Rows& other = y;
  Check(
      x, Wanted(x, [&](std::int64_t t, std::int64_t i) { return sum(x.At(t, i), other.At(t, i)); }),
      [&](const Ops& ops, MatView<float> out) { AddInPlace(ops, out, y.View()); }, 1e-30);
  Check(
      x, Wanted(x, [&](std::int64_t t, std::int64_t i) { return sum(x.At(t, i), bias.At(0, i)); }),
      [&](const Ops& ops, MatView<float> out) { AddBias(ops, out, bias.values); }, 1e-30);
}

TEST(Gates, SiluAndSigmoidEqualDoublePrecisionAndDoNotOverflow) {
  Rows x = NormalRows(60, 301, 13, 5.0F);
  x.At(0, 0) = 500.0F;
  x.At(0, 1) = -500.0F;
  x.At(0, 2) = 1e30F;
  x.At(0, 3) = -1e30F;
  Rows y = NormalRows(60, 301, 14);
  // Magnitudes stay comparable, so that small errors show.
  y.At(0, 0) = y.At(0, 2) = 1e-30F;
  const Rows& gate = x;
  const Rows& up = y;
  Check(x,
        Wanted(x, [&](std::int64_t t,
                      std::int64_t i) { return gate.At(t, i) / (1 + std::exp(-gate.At(t, i))) * up.At(t, i); }),
        [&](const Ops& ops, MatView<float> out) { SiluMul(ops, out, y.View()); });
  Check(y, Wanted(y, [&](std::int64_t t, std::int64_t i) { return up.At(t, i) / (1 + std::exp(-gate.At(t, i))); }),
        [&](const Ops& ops, MatView<float> out) { SigmoidMul(ops, out, x.View()); });
}

TEST(Gelu, BothFormsEqualDoublePrecisionAndDiffer) {
  Rows x = NormalRows(60, 136, 15, 2.0F);
  const Rows& values = x;
  const auto tanh_form = Wanted(x, [&](std::int64_t t, std::int64_t i) {
    const double v = values.At(t, i);
    return 0.5 * v * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (v + 0.044715 * v * v * v)));
  });
  const auto erf_form = Wanted(x, [&](std::int64_t t, std::int64_t i) {
    return 0.5 * values.At(t, i) * (1 + std::erf(values.At(t, i) / std::sqrt(2.0)));
  });
  Check(x, tanh_form, [](const Ops& ops, MatView<float> out) { Gelu(ops, out, GeluForm::kTanh); });
  Check(x, erf_form, [](const Ops& ops, MatView<float> out) { Gelu(ops, out, GeluForm::kErf); });
  // The forms are up to 5e-4 apart, so a tolerance of 1e-6 of the largest number tells them apart.
  double apart = 0;
  for (std::size_t i = 0; i < erf_form.size(); ++i) apart = std::max(apart, std::fabs(erf_form[i] - tanh_form[i]));
  EXPECT_GT(apart, 2e-4);
}

TEST(Gelu, FarFromZeroItIsTheIdentityOrZero) {
  Rows x(1, 4);
  x.values = {60.0F, -60.0F, 1e20F, -1e20F};
  for (const kernels::KernelTable* table : RunnableTables()) {
    ThreadPool pool(1);
    for (const GeluForm form : {GeluForm::kTanh, GeluForm::kErf}) {
      Rows out = x;
      Gelu({*table, pool, Precision::kFast}, out.View(), form);
      EXPECT_FLOAT_EQ(out.values[0], 60.0F) << table->name;
      EXPECT_NEAR(out.values[1], 0.0F, 1e-6F) << table->name;
      EXPECT_FLOAT_EQ(out.values[2], 1e20F) << table->name;
      EXPECT_NEAR(out.values[3], 0.0F, 1e-6F) << table->name;
    }
  }
}

}  // namespace
}  // namespace thimble
