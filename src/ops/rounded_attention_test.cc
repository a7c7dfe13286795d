// SPDX-License-Identifier: Apache-2.0
// Attention in 8-bit codes against plain loops over doubles.
#include "ops/rounded_attention.h"

#include "ops_tools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <vector>

namespace thimble {
namespace {

using testing::NormalRows;
using testing::Rows;
using testing::RunnableTables;

// Queries, keys and values side by side, as the tower has them.
struct Picture {
  int num_heads;
  int head;
  Rows qkv;
  [[nodiscard]] std::int64_t width() const { return static_cast<std::int64_t>(num_heads) * head; }
  [[nodiscard]] MatView<const float> Part(int part) const {
    return MatView<const float>(qkv.values.data(), qkv.rows, qkv.cols).Cols(part * width(), width());
  }
};

std::vector<double> Solve(const Picture& p) {
  std::vector<double> out;
  const auto at = [&](int part, std::int64_t row, std::int64_t column) {
    return static_cast<double>(p.Part(part).Row(row)[column]);
  };
  for (std::int64_t t = 0; t < p.qkv.rows; ++t) {
    for (std::int64_t first = 0; first < p.width(); first += p.head) {
      std::vector<double> shares;
      for (std::int64_t s = 0; s < p.qkv.rows; ++s) {
        double sum = 0;
        for (int i = 0; i < p.head; ++i) sum += at(0, t, first + i) * at(1, s, first + i);
        shares.push_back(sum / std::sqrt(static_cast<double>(p.head)));
      }
      const double largest = *std::max_element(shares.begin(), shares.end());
      double total = 0;
      for (double& share : shares) total += share = std::exp(share - largest);
      for (int i = 0; i < p.head; ++i) {
        double sum = 0;
        for (std::int64_t s = 0; s < p.qkv.rows; ++s)
          sum += shares[static_cast<std::size_t>(s)] / total * at(2, s, first + i);
        out.push_back(sum);
      }
    }
  }
  return out;
}

// Root mean square of the differences over that of what is wanted; infinite for NaN.
double RelativeRms(const Rows& got, const std::vector<double>& wanted) {
  double error = got.values.size() == wanted.size() ? 0 : INFINITY;
  double size = 1e-30;
  for (std::size_t i = 0; i < wanted.size() && i < got.values.size(); ++i) {
    const double difference = static_cast<double>(got.values[i]) - wanted[i];
    error += difference * difference;
    size += wanted[i] * wanted[i];
  }
  return std::isnan(error) ? INFINITY : std::sqrt(error / size);
}

Rows Attend(const kernels::KernelTable& table, kernels::Family family, const Picture& p, int threads) {
  ThreadPool pool(threads);
  RoundedAttention attention =
      std::move(RoundedAttention::Create(family, p.qkv.rows + 3, p.num_heads, p.head, threads)).value();
  Rows out(p.qkv.rows, p.width());
  const Ops ops{table, pool, Precision::kFast};
  attention.SetKeys(ops, p.Part(1), p.Part(2));
  attention.Attend(ops, p.Part(0), out.View());
  return out;
}

TEST(RoundedAttention, ARowsBitsDoNotDependOnTheOthersOfItsCall) {
  const Picture p{2, 24, NormalRows(77, std::int64_t{3} * 2 * 24, 5)};
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Rows whole = Attend(*table, kernels::Family::kU8Flat, p, 2);
    ThreadPool pool(2);
    const Ops ops{*table, pool, Precision::kFast};
    RoundedAttention attention =
        std::move(RoundedAttention::Create(kernels::Family::kU8Flat, 77, p.num_heads, p.head, 2)).value();
    attention.SetKeys(ops, p.Part(1), p.Part(2));
    for (const auto& [first, count] : {std::pair{0, 33}, std::pair{33, 1}, std::pair{34, 43}}) {
      Rows some(count, p.width());
      attention.Attend(ops, p.Part(0).Rows(first, count), some.View());
      EXPECT_EQ(
          std::memcmp(some.values.data(), whole.values.data() + first * p.width(), some.values.size() * sizeof(float)),
          0)
          << table->name << ", " << count << " rows from " << first;
    }
  }
}

constexpr kernels::Family kFamilies[] = {kernels::Family::kU7Flat, kernels::Family::kU8Flat};

TEST(RoundedAttention, IsCloseToDoublePrecision) {
  for (const auto& [heads, head, patches] :
       {std::tuple{3, 64, 300}, std::tuple{2, 72, 545}, std::tuple{2, 24, 77}, std::tuple{4, 16, 1}}) {
    const Picture p{heads, head, NormalRows(patches, std::int64_t{3} * heads * head, 5)};
    const auto wanted = Solve(p);
    for (const kernels::KernelTable* table : RunnableTables()) {
      for (const kernels::Family family : kFamilies) {
        SCOPED_TRACE(std::string(table->name) + ", " + std::to_string(patches) + " patches of " + std::to_string(head));
        const Rows out = Attend(*table, family, p, 2);
        const double error = RelativeRms(out, wanted);
        EXPECT_LT(error, family == kernels::Family::kU8Flat ? 0.015 : 0.025);
        EXPECT_GT(error, 1e-6);  // else nothing was rounded
      }
    }
  }
}

TEST(RoundedAttention, ThreadsDoNotChangeABit) {
  const Picture p{3, 64, NormalRows(530, std::int64_t{3} * 3 * 64, 6)};
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const kernels::Family family : kFamilies)
      EXPECT_EQ(Attend(*table, family, p, 1).values, Attend(*table, family, p, 3).values) << table->name;
  }
}

// What all keys have in common moves no share, however large it is beside their differences.
TEST(RoundedAttention, ACommonPartOfTheKeysCostsNoPrecision) {
  Picture p{1, 32, NormalRows(300, 96, 7)};
  for (std::int64_t t = 0; t < 300; ++t) {
    for (std::int64_t i = 0; i < 32; ++i) p.qkv.At(t, 32 + i) += i % 2 == 0 ? 40.0F : -25.0F;
  }
  const auto wanted = Solve(p);
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const kernels::Family family : kFamilies)
      EXPECT_LT(RelativeRms(Attend(*table, family, p, 2), wanted), 0.03) << table->name;
  }
}

TEST(RoundedAttention, SharpScoresStayFiniteAndRight) {
  // One key takes everything, where its lead over the second is large enough for 8 bits.
  Picture p{1, 32, NormalRows(400, 96, 8)};
  for (std::int64_t t = 0; t < 400; ++t) {
    for (std::int64_t i = 0; i < 32; ++i) p.qkv.At(t, i) = 1000.0F * p.qkv.At((t * 7) % 400, 32 + i);
  }
  const auto wanted = Solve(p);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Rows out = Attend(*table, kernels::Family::kU8Flat, p, 2);
    EXPECT_LT(RelativeRms(out, wanted), 0.05) << table->name;
    for (const float value : out.values) EXPECT_TRUE(std::isfinite(value));
  }
}

}  // namespace
}  // namespace thimble
