// SPDX-License-Identifier: Apache-2.0
// Products over cached keys and values, and their softmax, on every instruction set this processor runs and on AVX-512
// over emulated registers, against double precision.
#include "base/half.h"
#include "float_tools.h"
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace thimble::kernels {

namespace {

std::size_t Index(std::int64_t i) { return static_cast<std::size_t>(i); }

// The same numbers [num_j, num_n] as each of KvCells has them, rows a few numbers apart.
struct Block {
  std::int64_t num_j;
  std::int64_t num_n;
  std::int64_t stride;
  Floats floats;
  std::vector<std::uint16_t> halves;
  std::vector<std::int8_t> codes;
  Floats scales;
  std::int64_t scale_stride = 0;
  KvCells cells;

  Block(KvCells kind, std::int64_t j, std::int64_t n)
      : num_j(j), num_n(n), stride(n + 3), floats(Normal(j * stride, 7)), cells(kind) {
    if (kind == KvCells::kHalves) {
      for (float& value : floats) {
        halves.push_back(F32ToF16(value));
        value = F16ToF32(halves.back());
      }
    }
    if (kind != KvCells::kKeyCodes && kind != KvCells::kValueCodes) return;
    const bool are_keys = kind == KvCells::kKeyCodes;
    scale_stride = (are_keys ? n : (n + 31) / 32) + 1;
    scales = Normal((are_keys ? (j + 31) / 32 : j) * scale_stride, 8);
    for (std::size_t i = 0; i < floats.size(); ++i) {
      codes.push_back(static_cast<std::int8_t>(static_cast<int>(i * 37 % 255) - 127));
      const std::int64_t row = static_cast<std::int64_t>(i) / stride;
      const std::int64_t column = static_cast<std::int64_t>(i) % stride;
      if (column >= n) continue;
      floats[i] = static_cast<float>(codes[i]) *
                  scales[Index(are_keys ? row / 32 * scale_stride + column : row * scale_stride + column / 32)];
    }
  }
  [[nodiscard]] KvProduct Product() const {
    KvProduct product;
    product.b = cells == KvCells::kFloats   ? static_cast<const void*>(floats.data())
                : cells == KvCells::kHalves ? static_cast<const void*>(halves.data())
                                            : static_cast<const void*>(codes.data());
    product.b_stride = stride;
    product.scales = scales.data();
    product.scale_stride = scale_stride;
    product.num_j = num_j;
    product.num_n = num_n;
    product.ahead = 1 << 20;  // need not be memory
    return product;
  }
};

const std::vector<std::pair<std::int64_t, std::int64_t>> kSizes = {{1, 1},   {3, 16},   {31, 17}, {32, 64}, {33, 48},
                                                                   {64, 80}, {65, 144}, {7, 200}, {96, 33}};

TEST(KvMultiply, AgreesWithDoubleAndWithWidenedNumbersToTheBit) {
  for (const Named& kernels : Kernels()) {
    for (const KvCells cells : {KvCells::kFloats, KvCells::kHalves, KvCells::kKeyCodes, KvCells::kValueCodes}) {
      for (const auto& [j, n] : kSizes) {
        const Block block(cells, j, n);
        for (const std::int64_t t : {1, 2, 3, 4, 5, 11}) {
          SCOPED_TRACE(kernels.name + ", kind " + std::to_string(static_cast<int>(cells)) + ", " + std::to_string(t) +
                       " x " + std::to_string(j) + " x " + std::to_string(n));
          const Floats a = Normal(t * (j + 2), 9);
          for (const bool adds : {false, true}) {
            const std::int64_t out_stride = n + 1;
            const Floats before = Normal(t * out_stride, 10);
            Floats out = before;
            KvProduct product = block.Product();
            product.a = a.data();
            product.a_stride = j + 2;
            product.num_t = t;
            product.out = out.data();
            product.out_stride = out_stride;
            product.adds = adds;
            kernels.f32->kv_multiply[static_cast<int>(cells)](product);
            for (std::int64_t row = 0; row < t; ++row) {
              for (std::int64_t column = 0; column < n; ++column) {
                double sum = adds ? static_cast<double>(before[Index(row * out_stride + column)]) : 0;
                double size = std::fabs(sum);
                for (std::int64_t i = 0; i < j; ++i) {
                  const double term = static_cast<double>(a[Index(row * (j + 2) + i)]) *
                                      static_cast<double>(block.floats[Index(i * block.stride + column)]);
                  sum += term;
                  size += std::fabs(term);
                }
                ASSERT_NEAR(static_cast<double>(out[Index(row * out_stride + column)]), sum, 5e-7 * size + 1e-30)
                    << row << ", " << column;
              }
              ASSERT_EQ(out[Index(row * out_stride + n)], before[Index(row * out_stride + n)]) << "the gap";
            }
            Floats same = before;
            product.b = block.floats.data();
            product.out = same.data();
            kernels.f32->kv_multiply[static_cast<int>(KvCells::kFloats)](product);
            ASSERT_EQ(same, out);
            // And alone.
            for (std::int64_t row = 0; row < t; ++row) {
              Floats one(before.begin() + row * out_stride, before.begin() + (row + 1) * out_stride);
              product.a = a.data() + row * (j + 2);
              product.num_t = 1;
              product.out = one.data();
              kernels.f32->kv_multiply[static_cast<int>(KvCells::kFloats)](product);
              ASSERT_TRUE(std::equal(one.begin(), one.end(), out.begin() + row * out_stride)) << "row " << row;
            }
          }
        }
      }
    }
  }
}

TEST(KvWiden, WritesWhatTheNumbersStandFor) {
  for (const Named& kernels : Kernels()) {
    for (const KvCells cells : {KvCells::kFloats, KvCells::kHalves, KvCells::kKeyCodes, KvCells::kValueCodes}) {
      for (const auto& [j, n] : kSizes) {
        const Block block(cells, j, n);
        Floats out(Index(j * n) + 1, 7.0F);
        kernels.f32->kv_widen[static_cast<int>(cells)](block.Product(), out.data());
        for (std::int64_t i = 0; i < j * n; ++i) {
          ASSERT_EQ(out[Index(i)], block.floats[Index(i / n * block.stride + i % n)])
              << kernels.name << ", kind " << static_cast<int>(cells) << ", " << j << " x " << n << " at " << i;
        }
        ASSERT_EQ(out.back(), 7.0F) << kernels.name;
      }
    }
  }
}

TEST(SoftmaxRows, GoesOnFromWhatWasSummedBefore) {
  constexpr std::int64_t kRows = 5;
  constexpr std::int64_t kStride = 144;
  for (const Named& kernels : Kernels()) {
    for (const float size : {1e-3F, 1.0F, 30.0F, 1e6F}) {
      Floats maxima(kRows, -std::numeric_limits<float>::infinity());
      Floats sums(kRows, 0.0F);
      std::vector<double> largest(kRows, -std::numeric_limits<double>::infinity());
      std::vector<double> totals(kRows, 0.0);
      unsigned seed = 0;
      for (const std::int64_t count : {1, 64, 7, 128, 16, 33, 129}) {
        SCOPED_TRACE(kernels.name + ", " + std::to_string(count) + " scores of " + std::to_string(size));
        // What lies behind the scores is read and must not count.
        const Floats scores = Normal(kRows * kStride, ++seed, size);
        Floats out = scores;
        for (std::int64_t row = 0; row < kRows; ++row) {
          std::fill(out.begin() + row * kStride + count, out.begin() + (row + 1) * kStride,
                    std::numeric_limits<float>::quiet_NaN());
        }
        Floats keeps(kRows);
        kernels.f32->softmax_rows(out.data(), kStride, kRows, count, maxima.data(), sums.data(), keeps.data());
        for (std::int64_t row = 0; row < kRows; ++row) {
          const double before = largest[Index(row)];
          for (std::int64_t i = 0; i < count; ++i)
            largest[Index(row)] = std::max(largest[Index(row)], static_cast<double>(scores[Index(row * kStride + i)]));
          // A difference of scores is rounded once; e^x below 1e-38 may be zero.
          const auto expect_exp = [](float got, double x) {
            const double bound = 1e-6 + 1e-7 * std::min(std::fabs(x), 1e3);
            ASSERT_NEAR(static_cast<double>(got), std::exp(x), bound * std::exp(x) + 1e-37);
          };
          totals[Index(row)] *= std::exp(before - largest[Index(row)]);
          for (std::int64_t i = 0; i < count; ++i) {
            const double x = static_cast<double>(scores[Index(row * kStride + i)]) - largest[Index(row)];
            totals[Index(row)] += std::exp(x);
            expect_exp(out[Index(row * kStride + i)], x);
          }
          ASSERT_EQ(static_cast<double>(maxima[Index(row)]), largest[Index(row)]);
          expect_exp(keeps[Index(row)], before - largest[Index(row)]);
          ASSERT_NEAR(static_cast<double>(sums[Index(row)]), totals[Index(row)], 2e-5 * totals[Index(row)]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace thimble::kernels
