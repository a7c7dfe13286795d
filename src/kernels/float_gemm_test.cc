// SPDX-License-Identifier: Apache-2.0
// Float products and row kernels where their shapes are awkward, on every instruction set this processor runs and on
// AVX-512 over emulated registers, against double precision.
#include "base/half.h"
#include "float_tools.h"
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace thimble::kernels {

namespace {

float& At(Floats& values, std::int64_t index) { return values[static_cast<std::size_t>(index)]; }
double Double(const Floats& values, std::int64_t index) {
  return static_cast<double>(values[static_cast<std::size_t>(index)]);
}

struct Shape {
  std::int64_t t, n, k;
};
// Around the borders of tiles, blocks of 24 and panels of 1024.
const std::vector<Shape> kShapes = {{1, 1, 1},     {2, 5, 7},      {3, 4, 16},    {4, 6, 17},    {5, 7, 72},
                                    {9, 13, 136},  {25, 26, 31},   {49, 51, 64},  {1, 53, 2048}, {4, 25, 1500},
                                    {5, 25, 1024}, {26, 49, 1025}, {7, 11, 4304}, {25, 3, 3081}};

TEST(Gemm, EveryShapeAgreesWithDouble) {
  for (const Named& kernels : Kernels()) {
    for (const auto& [t, n, k] : kShapes) {
      const Floats x = Normal(t * k, 1);
      const Floats w = Normal(n * k, 2);
      Floats out(static_cast<std::size_t>(t * (n + 3)), -7.0F);  // rows with a gap, which must stay as it is
      kernels.f32->gemm(x.data(), k, t, w.data(), k, n, k, out.data(), n + 3);
      for (std::int64_t row = 0; row < t; ++row) {
        for (std::int64_t column = 0; column < n; ++column) {
          double sum = 0;
          double size = 0;
          for (std::int64_t i = 0; i < k; ++i) {
            const double product = Double(x, row * k + i) * Double(w, column * k + i);
            sum += product;
            size += std::fabs(product);
          }
          ASSERT_NEAR(Double(out, row * (n + 3) + column), sum, 5e-7 * size + 1e-30)
              << kernels.name << " " << t << " x " << n << " x " << k << " at " << row << ", " << column;
        }
        for (std::int64_t gap = n; gap < n + 3; ++gap) ASSERT_EQ(At(out, row * (n + 3) + gap), -7.0F);
      }
    }
  }
}

TEST(Gemm, ARowAndAColumnHaveTheSameBitsInAnyCompany) {
  for (const Named& kernels : Kernels()) {
    for (const std::int64_t k : {72, 1024, 2500}) {
      const std::int64_t t = 27;
      const std::int64_t n = 53;
      const Floats x = Normal(t * k, 3);
      const Floats w = Normal(n * k, 4);
      Floats all(static_cast<std::size_t>(t * n));
      kernels.f32->gemm(x.data(), k, t, w.data(), k, n, k, all.data(), n);
      for (const std::int64_t rows : {1, 2, 3, 5, 8}) {
        for (const std::int64_t columns : {1, 2, 3, 4, 7}) {
          Floats some(static_cast<std::size_t>(rows * columns));
          const std::int64_t first_row = t - rows;
          const std::int64_t first_column = n - columns;
          kernels.f32->gemm(x.data() + first_row * k, k, rows, w.data() + first_column * k, k, columns, k, some.data(),
                            columns);
          for (std::int64_t row = 0; row < rows; ++row) {
            for (std::int64_t column = 0; column < columns; ++column) {
              ASSERT_EQ(At(some, row * columns + column), At(all, (first_row + row) * n + first_column + column))
                  << kernels.name << " k " << k << ": " << rows << " x " << columns;
            }
          }
        }
      }
    }
  }
}

TEST(Gemm, SixteenBitWeightsGiveTheBitsOfWidenedOnes) {
  for (const Named& kernels : Kernels()) {
    for (const auto& [t, n, k] : kShapes) {
      const Floats x = Normal(t * k, 5);
      std::mt19937 random(6);
      std::vector<std::uint16_t> halves(static_cast<std::size_t>(n * k));
      std::vector<std::uint16_t> brains(halves.size());
      Floats from_halves(halves.size());
      Floats from_brains(halves.size());
      for (std::size_t i = 0; i < halves.size(); ++i) {
        // Exponents around one, the smallest numbers of each type, and both signs.
        halves[i] = static_cast<std::uint16_t>((random() & 0x83FFU) | (i % 5 == 0 ? 0 : 0x3800U));
        brains[i] = static_cast<std::uint16_t>((random() & 0x807FU) | (i % 5 == 0 ? 0 : 0x3F00U));
        from_halves[i] = F16ToF32(halves[i]);
        from_brains[i] = BF16ToF32(brains[i]);
      }
      Floats wanted(static_cast<std::size_t>(t * n));
      Floats got(wanted.size());
      kernels.f32->gemm(x.data(), k, t, from_halves.data(), k, n, k, wanted.data(), n);
      kernels.f32->gemm_f16(x.data(), k, t, halves.data(), k, n, k, got.data(), n);
      ASSERT_EQ(got, wanted) << kernels.name << " F16 " << t << " x " << n << " x " << k;
      kernels.f32->gemm(x.data(), k, t, from_brains.data(), k, n, k, wanted.data(), n);
      kernels.f32->gemm_bf16(x.data(), k, t, brains.data(), k, n, k, got.data(), n);
      ASSERT_EQ(got, wanted) << kernels.name << " BF16 " << t << " x " << n << " x " << k;
      Floats row(static_cast<std::size_t>(k));
      kernels.f32->bf16_to_f32(brains.data(), k, row.data());
      ASSERT_EQ(row, Floats(from_brains.begin(), from_brains.begin() + k)) << kernels.name;
      kernels.f32->f16_to_f32(halves.data(), k, row.data());
      ASSERT_EQ(row, Floats(from_halves.begin(), from_halves.begin() + k)) << kernels.name;
    }
  }
}

TEST(GemmAdd, EveryShapeAgreesWithDoubleAndDoesNotDependOnItsRows) {
  for (const Named& kernels : Kernels()) {
    for (const auto& [t, n, j] : std::vector<Shape>{
             {1, 1, 1}, {4, 3, 5}, {5, 16, 64}, {7, 17, 33}, {4, 24, 8}, {9, 31, 2}, {8, 72, 64}, {3, 135, 64}}) {
      const Floats a = Normal(t * j, 7);
      const Floats b = Normal(j * n, 8);
      const Floats before = Normal(t * n, 9);
      Floats out = before;
      kernels.f32->gemm_add(a.data(), j, t, b.data(), n, j, n, out.data(), n);
      for (std::int64_t row = 0; row < t; ++row) {
        Floats alone(before.begin() + row * n, before.begin() + (row + 1) * n);
        kernels.f32->gemm_add(a.data() + row * j, j, 1, b.data(), n, j, n, alone.data(), n);
        for (std::int64_t column = 0; column < n; ++column) {
          double sum = Double(before, row * n + column);
          double size = std::fabs(sum);
          for (std::int64_t i = 0; i < j; ++i) {
            const double product = Double(a, row * j + i) * Double(b, i * n + column);
            sum += product;
            size += std::fabs(product);
          }
          ASSERT_NEAR(Double(out, row * n + column), sum, 1e-6 * size) << kernels.name << " " << t << " x " << n;
          ASSERT_EQ(At(out, row * n + column), At(alone, column)) << kernels.name << " " << t << " x " << n;
        }
      }
    }
  }
}

TEST(Transpose, MovesEveryNumberAndNothingElse) {
  for (const Named& kernels : Kernels()) {
    for (const auto& [t, n, unused] : std::vector<Shape>{{1, 1, 0}, {3, 5, 0}, {4, 4, 0}, {9, 6, 0}, {64, 128, 0}}) {
      const std::int64_t in_stride = n + 3;
      const std::int64_t out_stride = t + 2;
      const Floats in = Normal(t * in_stride, 12);
      Floats out(static_cast<std::size_t>(n * out_stride), -7.0F);
      kernels.f32->transpose(in.data(), in_stride, t, n, out.data(), out_stride);
      for (std::int64_t column = 0; column < n; ++column) {
        for (std::int64_t row = 0; row < out_stride; ++row) {
          const float wanted = row < t ? in[static_cast<std::size_t>(row * in_stride + column)] : -7.0F;
          ASSERT_EQ(At(out, column * out_stride + row), wanted) << kernels.name << " " << t << " x " << n;
        }
      }
    }
  }
}

TEST(RowKernels, SumsAndTheLargestAgreeWithDoubleAtAnyLength) {
  for (const Named& kernels : Kernels()) {
    for (const std::int64_t count : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 1000}) {
      // Every length has its largest number at the end, at the start, and in the middle.
      for (const std::int64_t peak : {count - 1, std::int64_t{0}, count / 2}) {
        Floats x = Normal(count, 10);
        At(x, peak) = 9.0F;
        double sum = 0;
        double squares = 0;
        double differences = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          sum += Double(x, i);
          squares += Double(x, i) * Double(x, i);
          differences += (Double(x, i) - 100.0) * (Double(x, i) - 100.0);
        }
        EXPECT_EQ(kernels.f32->max(x.data(), count), 9.0F) << kernels.name << " " << count;
        EXPECT_NEAR(kernels.f32->sum(x.data(), count), sum, 1e-5 * static_cast<double>(count)) << kernels.name;
        EXPECT_NEAR(kernels.f32->sum_of_squares(x.data(), count), squares, 1e-6 * squares) << kernels.name;
        EXPECT_NEAR(kernels.f32->sum_of_squared_differences(x.data(), 100.0F, count), differences, 1e-6 * differences)
            << kernels.name;
      }
      const Floats negative(static_cast<std::size_t>(count), -3.0F);
      EXPECT_EQ(kernels.f32->max(negative.data(), count), -3.0F) << kernels.name << " " << count;
    }
  }
}

TEST(RowKernels, TheExponentialIsAccurateHoldsItsRangeAndKeepsNaN) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const Named& kernels : Kernels()) {
    Floats x;
    for (float value = -87.2F; value <= 88.2F; value += 0.01357F) x.push_back(value);
    Floats out = x;
    kernels.f32->exp_shifted(out.data(), 0.0F, static_cast<std::int64_t>(out.size()));
    double total = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double wanted = std::exp(static_cast<double>(x[i]));
      total += wanted;
      ASSERT_NEAR(static_cast<double>(out[i]), wanted, 2e-7 * wanted) << kernels.name << " " << x[i];
    }
    // The sum of all is beyond float32's range; shifted by 20 it is not.
    out = x;
    const float sum = kernels.f32->exp_shifted(out.data(), 20.0F, static_cast<std::int64_t>(out.size()));
    total *= std::exp(-20.0);
    EXPECT_NEAR(static_cast<double>(sum), total, 1e-5 * total) << kernels.name;
    Floats edges = {0.0F, -1000.0F, -std::numeric_limits<float>::infinity(), 1000.0F, kNaN};
    kernels.f32->exp_shifted(edges.data(), 0.0F, 5);
    EXPECT_EQ(edges[0], 1.0F) << kernels.name;
    EXPECT_EQ(edges[1], 0.0F) << kernels.name;
    EXPECT_EQ(edges[2], 0.0F) << kernels.name;
    EXPECT_GT(edges[3], 1e38F) << kernels.name;
    EXPECT_TRUE(std::isnan(edges[4])) << kernels.name;
  }
}

TEST(RowKernels, HalvesAreRoundedAsTheScalarConversionDoes) {
  for (const Named& kernels : Kernels()) {
    Floats x = Normal(3000, 11, 100.0F);
    x.insert(x.end(), {0.0F, -0.0F, 65504.0F, 65519.0F, 65520.0F, 1e-8F, -3e-8F, 6e-5F, 1e30F, 1.0F + 0x1p-11F});
    std::vector<std::uint16_t> halves(x.size());
    kernels.f32->f32_to_f16(x.data(), static_cast<std::int64_t>(x.size()), halves.data());
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(halves[i], F32ToF16(x[i])) << kernels.name << " " << x[i];
  }
}

}  // namespace
}  // namespace thimble::kernels
