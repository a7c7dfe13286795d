// SPDX-License-Identifier: Apache-2.0
// Rotary tables and the rotation: axes of multimodal positions, large positions, untouched dims.
#include "ops/rope.h"

#include "ops_tools.h"

#include <gtest/gtest.h>

#include <string_view>

namespace thimble {
namespace {

using testing::NormalRows;
using testing::Rows;
using testing::RunnableTables;

struct Table {
  Rows cos;
  Rows sin;
};
Table TextTable(std::span<const Position> positions, int rotary, const std::array<int, 3>& sections,
                double theta = 1e7) {
  const auto rows = static_cast<std::int64_t>(positions.size());
  Table table{Rows(rows, rotary / 2), Rows(rows, rotary / 2)};
  TextRopeTable(positions, rotary, theta, sections, table.cos.View(), table.sin.View());
  return table;
}

TEST(TextRopeTable, FrequenciesTakeTheAxesInTurnAsReleasedModelsDo) {
  // One axis moves at a time; a frequency that moves with it shows a sine.
  const std::vector<Position> positions = {{1000, 0, 0}, {0, 1000, 0}, {0, 0, 1000}};
  const Table table = TextTable(positions, 64, {11, 11, 10});
  constexpr std::string_view kAxes = "THWTHWTHWTHWTHWTHWTHWTHWTHWTHWTH";
  for (std::int64_t j = 0; j < 32; ++j) {
    const std::size_t axis = std::string_view("THW").find(kAxes[static_cast<std::size_t>(j)]);
    for (std::int64_t row = 0; row < 3; ++row) {
      const double angle =
          row == static_cast<std::int64_t>(axis) ? 1000 * std::pow(1e7, -2.0 * static_cast<double>(j) / 64) : 0.0;
      EXPECT_NEAR(table.cos.At(row, j), std::cos(angle), 1e-4) << "frequency " << j << " row " << row;
      EXPECT_NEAR(table.sin.At(row, j), std::sin(angle), 1e-4) << "frequency " << j << " row " << row;
    }
  }
}

TEST(TextRopeTable, FrequenciesBeyondASectionTurnToTime) {
  // Sections [2, 1, 1] of 4 frequencies: T, H, W, T; sections [4, 0, 0]: all T.
  const std::vector<Position> positions = {{0, 7, 9}};
  const Table mixed = TextTable(positions, 8, {2, 1, 1}, 10000);
  EXPECT_EQ(mixed.sin.At(0, 0), 0.0);
  EXPECT_NEAR(mixed.sin.At(0, 1), std::sin(7 * 0.1), 1e-6);
  EXPECT_NEAR(mixed.sin.At(0, 2), std::sin(9 * 0.01), 1e-6);
  EXPECT_EQ(mixed.sin.At(0, 3), 0.0);
  // Sections [4, 3, 1] of 8: W ends after its first frequency, H goes on.
  const Table uneven = TextTable(positions, 16, {4, 3, 1}, 10000);
  constexpr std::string_view kUneven = "THWTHTTH";
  for (std::int64_t j = 0; j < 8; ++j) {
    const char axis = kUneven[static_cast<std::size_t>(j)];
    const double angle = (axis == 'H' ? 7 : axis == 'W' ? 9 : 0) * std::pow(10000, -2.0 * static_cast<double>(j) / 16);
    EXPECT_NEAR(uneven.sin.At(0, j), std::sin(angle), 1e-6) << j;
  }
  const Table time = TextTable(positions, 8, {4, 0, 0}, 10000);
  for (std::int64_t j = 0; j < 4; ++j) EXPECT_EQ(time.sin.At(0, j), 0.0) << j;
}

TEST(TextRopeTable, PositionsAtTheEndOfTheContextAreStillUnitCircles) {
  const std::vector<Position> positions = {{262143, 262143, 262143}, {0, 0, 0}};
  const Table table = TextTable(positions, 64, {11, 11, 10});
  for (std::int64_t j = 0; j < 32; ++j) {
    // The reference forms the angle in float32, so a float32 angle is what must be met.
    const float angle = 262143.0F * static_cast<float>(std::pow(1e7, -2.0 * static_cast<double>(j) / 64));
    EXPECT_NEAR(table.cos.At(0, j), std::cos(static_cast<double>(angle)), 1e-6 + 2e-2 * (j > 0)) << j;
    EXPECT_NEAR(std::hypot(table.cos.At(0, j), table.sin.At(0, j)), 1.0, 1e-6) << j;
    EXPECT_EQ(table.cos.At(1, j), 1.0);
    EXPECT_EQ(table.sin.At(1, j), 0.0);
  }
}

TEST(VisionRopeTable, RowsFirstThenColumns) {
  // Heads of 72, as in the largest tower: 18 frequencies an axis.
  const std::vector<std::array<std::int32_t, 2>> places = {{0, 0}, {3, 0}, {0, 5}, {40, 61}};
  for (const int head : {16, 64, 72}) {
    Rows cos(4, head / 2);
    Rows sin(4, head / 2);
    VisionRopeTable(places, head, 10000, cos.View(), sin.View());
    for (std::int64_t p = 0; p < 4; ++p) {
      for (std::int64_t i = 0; i < head / 2; ++i) {
        const bool is_row = i < head / 4;
        const double frequency = std::pow(10000, -2.0 * static_cast<double>(i % (head / 4)) / (0.5 * head));
        const double angle = places[static_cast<std::size_t>(p)][is_row ? 0 : 1] * frequency;
        EXPECT_NEAR(std::as_const(cos).At(p, i), std::cos(angle), 1e-5) << head << ": " << p << ", " << i;
        EXPECT_NEAR(std::as_const(sin).At(p, i), std::sin(angle), 1e-5) << head << ": " << p << ", " << i;
      }
    }
  }
}

TEST(ApplyRope, TurnsPairsHalfAHeadApartAndNothingElse) {
  constexpr std::int64_t kRotary = 12;
  constexpr std::int64_t kStride = 40;  // heads of 20, each with a gate of 20 behind it
  const Rows x = NormalRows(9, 3 * kStride, 1);
  Rows angles = NormalRows(9, kRotary / 2, 2, 3.0F);
  Rows cos = angles;
  Rows sin = angles;
  for (float& value : cos.values) value = std::cos(value);
  for (float& value : sin.values) value = std::sin(value);
  for (const kernels::KernelTable* table : RunnableTables()) {
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      Rows turned = x;
      ApplyRope({*table, pool, Precision::kFast}, turned.View(), 3, kStride, cos.View(), sin.View());
      for (std::int64_t t = 0; t < x.rows; ++t) {
        for (std::int64_t i = 0; i < x.cols; ++i) {
          const std::int64_t dim = i % kStride;
          double wanted = x.At(t, i);
          if (dim < kRotary) {
            const std::int64_t j = dim % (kRotary / 2);
            const double a = static_cast<double>(std::as_const(angles).At(t, j));
            const bool is_first = dim < kRotary / 2;
            const double partner = x.At(t, is_first ? i + kRotary / 2 : i - kRotary / 2);
            wanted = wanted * std::cos(a) + (is_first ? -1 : 1) * partner * std::sin(a);
            EXPECT_NEAR(std::as_const(turned).At(t, i), wanted, 1e-5) << table->name << " " << t << ", " << i;
          } else {
            EXPECT_EQ(std::as_const(turned).At(t, i), wanted) << table->name << " " << t << ", " << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace thimble
