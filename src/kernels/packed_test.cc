// SPDX-License-Identifier: Apache-2.0
// Packed families on every instruction set this processor runs, and AVX-512 and AVX-VNNI emulated, against sums in
// double precision over what the panels stand for.
#include "base/buffer.h"
#include "base/half.h"
#include "kernels/dequant.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "npy.h"
#include "sys/machine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

namespace thimble::kernels {

#ifdef THIMBLE_TEST_EMULATED_AVX512
namespace avx512_emulated {
extern const PackedKernels kPacked;
}
namespace avxvnni_emulated {
extern const PackedKernels kPacked;
}
#endif

namespace {

struct Table {
  std::string name;
  const PackedKernels* kernels;
};
std::vector<Table> Tables() {
  std::vector<Table> tables;
  const CpuFeatures features = DetectCpuFeatures();
  for (const KernelTable* table : AllTables()) {
    if ((table->needs & features) != table->needs) continue;
    tables.push_back({table->name, table->packed});
  }
#ifdef THIMBLE_TEST_EMULATED_AVX512
  tables.push_back({"avx512_emulated", &avx512_emulated::kPacked});
  tables.push_back({"avxvnni_emulated", &avxvnni_emulated::kPacked});
#endif
  return tables;
}

// Rows of a type with random codes and sensible scales.
std::vector<std::byte> RandomRows(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 random(seed);
  const DTypeTraits& traits = TraitsOf(dtype);
  const auto row_bytes = RowBytes(dtype, static_cast<std::uint64_t>(cols));
  std::vector<std::byte> bytes(row_bytes * static_cast<std::uint64_t>(rows));
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  const auto put = [&](std::size_t at, float value) {
    const std::uint16_t half = F32ToF16(value);
    std::memcpy(bytes.data() + at, &half, 2);
  };
  for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(traits.block_bytes)) {
    const float scale = 0.01F * (1.0F + static_cast<float>(random() % 100) / 100.0F);
    switch (dtype) {
      case DType::kQ6_K:
        put(at + 208, scale);
        break;
      case DType::kQ4_K:
      case DType::kQ5_K:
        put(at, scale);
        put(at + 2, scale * 8);
        break;
      case DType::kQ4_1:
      case DType::kQ5_1:
        put(at, scale);
        put(at + 2, -scale * 8);
        break;
      case DType::kQ3_K:
        put(at + 108, scale);
        break;
      case DType::kQ2_K:
        put(at + 80, scale);
        put(at + 82, scale);
        break;
      default:
        put(at, scale);
        break;
    }
  }
  return bytes;
}

struct Packed {
  Family family;
  std::int64_t rows, cols, panel_bytes;
  Buffer<std::byte> panels;
  std::vector<float> values;  // [rows, cols]
};
Packed PackRows(DType dtype, Family family, std::int64_t rows, std::int64_t cols, const std::vector<std::byte>& bytes) {
  Packed p;
  p.family = family;
  p.rows = rows;
  p.cols = cols;
  p.panel_bytes = PanelBytes(p.family, cols);
  const auto row_bytes = static_cast<std::int64_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols)));
  const std::int64_t num_panels = (rows + kPanelRows - 1) / kPanelRows;
  p.panels = std::move(Buffer<std::byte>::Create(static_cast<std::size_t>(p.panel_bytes * num_panels))).value();
  p.values.resize(static_cast<std::size_t>(rows * cols));
  for (std::int64_t panel = 0; panel < num_panels; ++panel) {
    const std::int64_t first = panel * kPanelRows;
    const int count = static_cast<int>(std::min<std::int64_t>(kPanelRows, rows - first));
    PackPanel(dtype, p.family, bytes.data() + first * row_bytes, row_bytes, count, cols,
              p.panels.data() + panel * p.panel_bytes);
    for (int row = 0; row < count; ++row)
      PanelRowToFloat(p.family, p.panels.data() + panel * p.panel_bytes, row, cols,
                      p.values.data() + (first + row) * cols);
  }
  return p;
}
Packed PackRows(DType dtype, std::int64_t rows, std::int64_t cols, const std::vector<std::byte>& bytes) {
  return PackRows(dtype, FamilyFor(dtype, cols), rows, cols, bytes);
}
Packed PackRandom(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed) {
  return PackRows(dtype, rows, cols, RandomRows(dtype, rows, cols, seed));
}

std::vector<float> Product(const PackedKernels& kernels, const Packed& w, const std::vector<float>& x, int num_rows,
                           bool is_wide) {
  std::vector<QuantisedSuper> supers(static_cast<std::size_t>(num_rows * SupersOf(w.cols)));
  for (int t = 0; t < num_rows; ++t) kernels.quantise_row(x.data() + t * w.cols, w.cols, supers.data() + t, num_rows);
  const QuantisedRows q{supers.data(), num_rows};
  std::vector<float> out(static_cast<std::size_t>(num_rows * w.rows), -1.0F);
  PackedArgs args{w.panels.data(),
                  w.panel_bytes,
                  static_cast<int>((w.rows + kPanelRows - 1) / kPanelRows),
                  w.cols,
                  q,
                  num_rows,
                  out.data(),
                  w.rows,
                  w.rows};
  (is_wide ? kernels.wide : kernels.narrow)[static_cast<std::size_t>(w.family)](args);
  return out;
}

double RelativeRms(const std::vector<float>& got, const Packed& w, const std::vector<float>& x, int num_rows) {
  double error = 0;
  double size = 0;
  for (int t = 0; t < num_rows; ++t) {
    for (std::int64_t n = 0; n < w.rows; ++n) {
      double sum = 0;
      for (std::int64_t k = 0; k < w.cols; ++k) {
        sum += static_cast<double>(x[static_cast<std::size_t>(t * w.cols + k)]) *
               static_cast<double>(w.values[static_cast<std::size_t>(n * w.cols + k)]);
      }
      const double difference = static_cast<double>(got[static_cast<std::size_t>(t * w.rows + n)]) - sum;
      error += difference * difference;
      size += sum * sum;
    }
  }
  return std::sqrt(error / size);
}

std::vector<float> Normal(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

const std::vector<DType> kTypes = {DType::kQ4_K,   DType::kQ5_K, DType::kQ6_K, DType::kQ4_0,
                                   DType::kQ4_1,   DType::kQ5_0, DType::kQ5_1, DType::kIQ4_NL,
                                   DType::kIQ4_XS, DType::kQ8_0, DType::kQ3_K, DType::kQ2_K};

TEST(Packed, PanelsStandForTheFilesValues) {
  for (const DType dtype : kTypes) {
    SCOPED_TRACE(TraitsOf(dtype).name);
    const std::int64_t cols = 512;
    const auto bytes = RandomRows(dtype, 20, cols, 7);
    const Packed w = PackRandom(dtype, 20, cols, 7);
    const bool is_exact = dtype != DType::kIQ4_XS && dtype != DType::kQ3_K && dtype != DType::kQ2_K;
    std::vector<float> row(static_cast<std::size_t>(cols));
    for (std::int64_t r = 0; r < 20; ++r) {
      RowToFloat(dtype)(bytes.data() + r * static_cast<std::int64_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols))),
                        cols, row.data());
      for (std::int64_t k = 0; k < cols; ++k) {
        const float wanted = row[static_cast<std::size_t>(k)];
        const float got = w.values[static_cast<std::size_t>(r * cols + k)];
        if (is_exact) {
          // Products and sums are associated differently: one rounding.
          ASSERT_NEAR(got, wanted, 1e-6F * std::max(1.0F, std::fabs(wanted))) << r << ", " << k;
        } else {
          float largest = 0;
          for (std::int64_t j = k / 32 * 32; j < k / 32 * 32 + 32; ++j)
            largest = std::max(largest, std::fabs(row[static_cast<std::size_t>(j)]));
          ASSERT_NEAR(got, wanted, largest * (dtype == DType::kIQ4_XS ? 0.0005F : 0.0046F)) << r << ", " << k;
        }
      }
    }
  }
}

TEST(Packed, WholePanelsHaveTheirRowsValues) {
  for (const DType dtype : kTypes) {
    SCOPED_TRACE(TraitsOf(dtype).name);
    for (const std::int64_t cols : {std::int64_t{256}, std::int64_t{768}, std::int64_t{TraitsOf(dtype).block_length}}) {
      const Family family = FamilyFor(dtype, cols);
      const auto rows = RandomRows(dtype, 13, cols, 8);
      std::vector<std::byte> panel(static_cast<std::size_t>(PanelBytes(family, cols)));
      PackPanel(dtype, family, rows.data(),
                static_cast<std::int64_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols))), 13, cols, panel.data());
      std::vector<float> all(static_cast<std::size_t>(13 * cols));
      PanelToFloat(family, panel.data(), 13, cols, all.data());
      std::vector<float> row(static_cast<std::size_t>(cols));
      for (int r = 0; r < 13; ++r) {
        PanelRowToFloat(family, panel.data(), r, cols, row.data());
        ASSERT_EQ(std::memcmp(row.data(), all.data() + r * cols, row.size() * sizeof(float)), 0) << r << " of " << cols;
      }
    }
  }
}

TEST(Packed, ProductsAreCloseToDoublePrecision) {
  for (const Table& table : Tables()) {
    for (const DType dtype : kTypes) {
      for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{16, 1024}, {40, 256}, {17, 512}, {1, 256}}) {
        SCOPED_TRACE(table.name + " " + std::string(TraitsOf(dtype).name) + " " + std::to_string(rows) + " x " +
                     std::to_string(cols));
        const Packed w = PackRandom(dtype, rows, cols, 11);
        const auto x = Normal(static_cast<std::size_t>(21 * cols), 3);
        EXPECT_LT(RelativeRms(Product(*table.kernels, w, x, 21, false), w, x, 21), 0.02);
        EXPECT_LT(RelativeRms(Product(*table.kernels, w, x, 21, true), w, x, 21), 0.02);
      }
      // Rows that are no multiple of a super-block.
      if (TraitsOf(dtype).block_length != 32) continue;
      for (const int cols : {32, 64, 96, 576}) {
        SCOPED_TRACE(table.name + " " + std::string(TraitsOf(dtype).name) + " cols " + std::to_string(cols));
        const Packed w = PackRandom(dtype, 33, cols, 12);
        const auto x = Normal(static_cast<std::size_t>(18 * cols), 4);
        EXPECT_LT(RelativeRms(Product(*table.kernels, w, x, 18, false), w, x, 18), 0.02);
        EXPECT_LT(RelativeRms(Product(*table.kernels, w, x, 18, true), w, x, 18), 0.02);
      }
    }
  }
}

double RelativeDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    error += difference * difference;
    size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(error / size);
}

// The integer part is exact everywhere, so tables differ by the rounding of floats only; AVX2's wide form also by that
// of its integer scales.
TEST(Packed, TablesAgreeWithOneAnother) {
  const std::vector<Table> tables = Tables();
  const PackedKernels& truth = *tables.back().kernels;
  for (const DType dtype : kTypes) {
    const Packed w = PackRandom(dtype, 40, 768, 15);
    const auto x = Normal(23 * 768, 7);
    const Scales scales = TraitsOf(w.family).scales;
    const bool has_float_scales = scales == Scales::kFlat || scales == Scales::kAffine;
    for (const bool is_wide : {false, true}) {
      const auto wanted = Product(truth, w, x, 23, is_wide);
      for (const Table& table : tables) {
        SCOPED_TRACE(table.name + " " + std::string(TraitsOf(dtype).name) + (is_wide ? " wide" : " narrow"));
        const bool rounds_scales = is_wide && has_float_scales && table.name == "avx2";
        EXPECT_LT(RelativeDifference(Product(*table.kernels, w, x, 23, is_wide), wanted), rounds_scales ? 1e-3 : 2e-6);
      }
    }
  }
}

TEST(Packed, ARowsBitsDoNotDependOnItsNeighbours) {
  for (const Table& table : Tables()) {
    for (const DType dtype : {DType::kQ4_K, DType::kQ6_K, DType::kQ4_1, DType::kQ8_0}) {
      SCOPED_TRACE(table.name + " " + std::string(TraitsOf(dtype).name));
      const Packed w = PackRandom(dtype, 40, 512, 13);
      const auto x = Normal(30 * 512, 5);
      for (const bool is_wide : {false, true}) {
        const auto all = Product(*table.kernels, w, x, 30, is_wide);
        for (const int count : {1, 2, 3, 5, 9, 13}) {
          const auto some = Product(*table.kernels, w, x, count, is_wide);
          EXPECT_EQ(std::memcmp(some.data(), all.data(), some.size() * sizeof(float)), 0)
              << count << (is_wide ? " wide" : " narrow");
        }
      }
    }
  }
}

// Where both forms add the same integers, they give the same bits.
TEST(Packed, NarrowAndWideFormsOfSuperBlocksAgreeToTheBit) {
  for (const Table& table : Tables()) {
    if (!table.kernels->has_one_form) continue;
    for (const DType dtype : {DType::kQ4_K, DType::kQ5_K, DType::kQ6_K}) {
      SCOPED_TRACE(table.name + " " + std::string(TraitsOf(dtype).name));
      const Packed w = PackRandom(dtype, 37, 768, 15);
      const auto x = Normal(18 * 768, 8);
      EXPECT_EQ(Product(*table.kernels, w, x, 18, false), Product(*table.kernels, w, x, 18, true));
    }
  }
}

// All codes, scales and activations at their ends together: no sum may leave its integer.
TEST(Packed, TheLargestSumsFit) {
  for (const Table& table : Tables()) {
    for (const DType dtype : kTypes) {
      for (const unsigned fill : {0x00U, 0x80U, 0xFFU, 0x7FU}) {
        for (const float sign : {1.0F, -1.0F}) {
          SCOPED_TRACE(table.name + " " + std::string(TraitsOf(dtype).name) + " " + std::to_string(fill));
          auto bytes = RandomRows(dtype, 16, 512, 16);
          const std::vector<std::byte> random = bytes;
          std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(fill));
          // The halves that scale a block stay sensible numbers.
          const DTypeTraits& traits = TraitsOf(dtype);
          for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(traits.block_bytes)) {
            const std::size_t scale_at = dtype == DType::kQ6_K   ? 208
                                         : dtype == DType::kQ3_K ? 108
                                         : dtype == DType::kQ2_K ? 80
                                                                 : 0;
            const bool has_two = dtype == DType::kQ4_K || dtype == DType::kQ5_K || dtype == DType::kQ4_1 ||
                                 dtype == DType::kQ5_1 || dtype == DType::kQ2_K;
            std::memcpy(bytes.data() + at + scale_at, random.data() + scale_at, has_two ? 4 : 2);
          }
          const Packed w = PackRows(dtype, 16, 512, bytes);
          const std::vector<float> x(17 * 512, sign);
          for (const bool is_wide : {false, true}) {
            const auto got = Product(*table.kernels, w, x, 17, is_wide);
            for (std::int64_t n = 0; n < 16; ++n) {
              double sum = 0;
              double size = 0;  // of the terms: minima may take away most of them
              for (std::int64_t k = 0; k < 512; ++k) {
                const double value = static_cast<double>(w.values[static_cast<std::size_t>(n * 512 + k)]);
                sum += value * static_cast<double>(sign);
                size += std::fabs(value);
              }
              ASSERT_NEAR(static_cast<double>(got[static_cast<std::size_t>(n)]), sum, 0.01 * size + 1e-3)
                  << (is_wide ? "wide" : "narrow");
            }
          }
        }
      }
    }
  }
}

// Floats that are rounded when packed, as a vision tower's are.
Packed PackFloats(Family family, std::int64_t rows, std::int64_t cols, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return PackRows(DType::kF32, family, rows, cols, bytes);
}

TEST(Packed, RoundedFloatsAreNearTheirValues) {
  for (const auto& [family, largest_code] : {std::pair{Family::kU7Flat, 63.0F}, std::pair{Family::kU8Flat, 127.0F}}) {
    for (const std::int64_t cols : {512, 72, 24}) {
      const auto values = Normal(static_cast<std::size_t>(20 * cols), 17);
      const Packed w = PackFloats(family, 20, cols, values);
      for (std::int64_t row = 0; row < 20; ++row) {
        for (std::int64_t k = 0; k < cols; ++k) {
          float largest = 0;
          for (std::int64_t j = k / 32 * 32; j < std::min(cols, k / 32 * 32 + 32); ++j)
            largest = std::max(largest, std::fabs(values[static_cast<std::size_t>(row * cols + j)]));
          const auto at = static_cast<std::size_t>(row * cols + k);
          ASSERT_NEAR(w.values[at], values[at], largest * (0.501F / largest_code + 0.0005F)) << row << ", " << k;
        }
      }
    }
  }
}

TEST(Packed, ProductsOfRoundedFloatsAreCloseToDoublePrecision) {
  for (const Table& table : Tables()) {
    for (const Family family : {Family::kU7Flat, Family::kU8Flat}) {
      for (const std::int64_t cols : {768, 64, 72, 24}) {
        SCOPED_TRACE(table.name + ", " + std::to_string(cols) + " columns");
        const Packed w = PackFloats(family, 40, cols, Normal(static_cast<std::size_t>(40 * cols), 18));
        const auto x = Normal(static_cast<std::size_t>(21 * cols), 19);
        for (const bool is_wide : {false, true})
          EXPECT_LT(RelativeRms(Product(*table.kernels, w, x, 21, is_wide), w, x, 21), 0.02);
        // All codes and activations at their ends: the largest sums.
        for (const float sign : {1.0F, -1.0F}) {
          const Packed ends =
              PackFloats(family, 16, cols, std::vector<float>(static_cast<std::size_t>(16 * cols), sign));
          const std::vector<float> ones(static_cast<std::size_t>(17 * cols), 1.0F);
          for (const bool is_wide : {false, true})
            EXPECT_LT(RelativeRms(Product(*table.kernels, ends, ones, 17, is_wide), ends, ones, 17), 1e-3);
        }
      }
    }
  }
}

TEST(Packed, AdversarialActivationsStayFiniteAndRight) {
  for (const Table& table : Tables()) {
    const Packed w = PackRandom(DType::kQ4_K, 16, 256, 14);
    for (const float size : {0.0F, 1e-42F, 1e-30F, 1e30F}) {
      SCOPED_TRACE(table.name + " " + std::to_string(size));
      auto x = Normal(256, 6);
      for (float& value : x) value *= size;
      const auto out = Product(*table.kernels, w, x, 1, false);
      for (const float value : out) EXPECT_TRUE(std::isfinite(value));
      if (size >= 1e-30F) {
        EXPECT_LT(RelativeRms(out, w, x, 1), 0.03);
      }
    }
    std::vector<float> x(256, 1.0F);
    x[3] = NAN;
    for (const float value : Product(*table.kernels, w, x, 1, false)) EXPECT_FALSE(std::isnan(value));
  }
}

}  // namespace
}  // namespace thimble::kernels
