// SPDX-License-Identifier: Apache-2.0
// Products with weights of every file type, as the file stores them and packed, against sums in double precision.
#include "ops/matmul.h"

#include "kernels/dequant.h"
#include "kernels/pack.h"
#include "npy.h"
#include "ops_tools.h"
#include "sys/folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace thimble {
namespace {

using testing::NormalRows;
using testing::RelativeError;
using testing::Rows;
using testing::RunnableTables;

// A weight as a file holds it, and the values it stands for.
struct Weight {
  DType dtype;
  std::int64_t cols = 0;
  std::vector<std::byte> bytes;
  std::vector<double> values;
  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(values.size()) / cols; }
};

// Random rows of a float type.
Weight FloatWeight(DType dtype, std::int64_t rows, std::int64_t cols, unsigned seed) {
  Weight w{dtype, cols, {}, {}};
  const Rows numbers = NormalRows(rows, cols, seed);
  for (const float number : numbers.values) {
    std::uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    // Any numbers of moderate size will do: the upper half of a float is a bf16; an f16 without bit 14 is below 2.
    const std::uint32_t stored = dtype == DType::kF32    ? bits
                                 : dtype == DType::kBF16 ? bits >> 16
                                                         : (bits >> 13) & 0xBFFFU;
    const std::size_t size = dtype == DType::kF32 ? 4 : 2;
    const std::size_t at = w.bytes.size();
    w.bytes.resize(at + size);
    std::memcpy(w.bytes.data() + at, &stored, size);
  }
  std::vector<float> row(static_cast<std::size_t>(rows * cols));
  kernels::RowToFloat(dtype)(w.bytes.data(), rows * cols, row.data());
  w.values.assign(row.begin(), row.end());
  return w;
}

// What the type's own tool made of ordinary numbers; empty where it cannot quantise.
Weight QuantisedWeight(DType dtype) {
  const std::string stem = std::string(THIMBLE_FIXTURES_DIR) + "/quants/" + std::string(TraitsOf(dtype).name);
  Weight w{dtype, 0, {}, {}};
  if (KindOfPath(stem + ".out.npy") == PathKind::kNothing) return w;
  const testing::NpyArray raw = testing::LoadNpy(stem + ".out.npy");
  const testing::NpyArray values = testing::LoadNpy(stem + ".outf.npy");
  w.cols = values.shape[1];
  w.bytes = raw.bytes;
  w.values.assign(values.As<float>().begin(), values.As<float>().end());
  return w;
}

std::vector<double> Product(const Rows& x, const Weight& w) {
  std::vector<double> out;
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t n = 0; n < w.rows(); ++n) {
      double sum = 0;
      for (std::int64_t k = 0; k < w.cols; ++k) sum += x.At(t, k) * w.values[static_cast<std::size_t>(n * w.cols + k)];
      out.push_back(sum);
    }
  }
  return out;
}

// Root mean square of the errors over what sums of such products come to when their signs are random: unlike a sum
// itself, that is never small by cancellation.
double ErrorOfSums(const Rows& got, const Rows& x, const Weight& w) {
  const auto wanted = Product(x, w);
  double errors = 0;
  double sizes = 0;
  for (std::int64_t t = 0; t < x.rows; ++t) {
    for (std::int64_t n = 0; n < w.rows(); ++n) {
      errors += std::pow(got.At(t, n) - wanted[static_cast<std::size_t>(t * w.rows() + n)], 2);
      for (std::int64_t k = 0; k < w.cols; ++k)
        sizes += std::pow(x.At(t, k) * w.values[static_cast<std::size_t>(n * w.cols + k)], 2);
    }
  }
  return std::sqrt(errors / sizes);
}

Rows Times(const Ops& ops, MatView<const float> x, const PackedMatrix& w) {
  Activations activations = std::move(Activations::Create(x.rows, x.cols)).value();
  activations.Set(x);
  Rows out(x.rows, w.rows());
  MatMul(ops, &activations, w, out.View());
  return out;
}

PackedMatrix PackedForm(const Weight& w) {
  return std::move(PackedMatrix::Pack(w.dtype, w.rows(), w.cols, w.bytes, nullptr)).value();
}

TEST(MatMul, FloatRowsOfTheFileEqualDoublePrecisionAtAnyAddress) {
  ThreadPool pool(2);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const auto& [n, k] : {std::pair{1, 1}, std::pair{13, 72}, std::pair{300, 136}, std::pair{37, 1024}}) {
      const Weight w = FloatWeight(dtype, n, k, 1);
      for (const std::size_t shift : {0U, 1U, 2U}) {
        // Files give no alignment.
        std::vector<std::byte> shifted(shift + w.bytes.size());
        std::copy(w.bytes.begin(), w.bytes.end(), shifted.begin() + static_cast<std::ptrdiff_t>(shift));
        const auto matrix = PackedMatrix::FromFileRows(dtype, n, k, std::span(shifted).subspan(shift));
        for (const std::int64_t rows : {1, 5, 16, 33}) {
          Rows x = NormalRows(rows, k, 2);
          const auto wanted = Product(x, w);
          for (const kernels::KernelTable* table : RunnableTables()) {
            EXPECT_LT(RelativeError(Times({*table, pool, Precision::kExact}, x.View(), matrix), wanted), 3e-6)
                << table->name << " " << TraitsOf(dtype).name << " " << n << " x " << k << ", " << rows << " rows";
          }
        }
      }
    }
  }
}

TEST(MatMul, QuantisedRowsAreExactAsFileRowsAndCloseWhenPacked) {
  ThreadPool pool(2);
  int types = 0;
  for (const DTypeTraits& traits : kDTypes) {
    const Weight w = QuantisedWeight(traits.dtype);
    if (w.bytes.empty() || traits.block_length == 1) continue;
    SCOPED_TRACE(traits.name);
    const auto as_stored = PackedMatrix::FromFileRows(w.dtype, w.rows(), w.cols, w.bytes);
    const PackedMatrix packed = PackedForm(w);
    EXPECT_NE(packed.family(), kernels::Family::kFileRows);
    for (const std::int64_t rows : {1, 3, 16, 40}) {
      Rows x = NormalRows(rows, w.cols, 3);
      const auto wanted = Product(x, w);
      for (const kernels::KernelTable* table : RunnableTables()) {
        const Ops ops{*table, pool, Precision::kFast};
        EXPECT_LT(RelativeError(Times(ops, x.View(), as_stored), wanted), 3e-6)
            << table->name << ", " << rows << " rows";
        EXPECT_LT(ErrorOfSums(Times(ops, x.View(), packed), x, w), 0.02) << table->name << ", " << rows << " rows";
      }
    }
    ++types;
  }
  EXPECT_GE(types, 7) << "the fixtures quantise at least the seven simple types";
}

TEST(MatMul, BitsDependOnARowAloneBelowAndFromTheWideForm) {
  for (const DType dtype : {DType::kBF16, DType::kQ4_0, DType::kQ8_0}) {
    const Weight w = dtype == DType::kBF16 ? FloatWeight(dtype, 200, 512, 4) : QuantisedWeight(dtype);
    ASSERT_FALSE(w.bytes.empty());
    const PackedMatrix matrix = PackedForm(w);
    Rows x = NormalRows(100, w.cols, 5);
    for (const kernels::KernelTable* table : RunnableTables()) {
      SCOPED_TRACE(std::string(table->name) + " " + std::string(TraitsOf(dtype).name));
      ThreadPool one(1);
      const Rows wide = Times({*table, one, Precision::kFast}, x.View(), matrix);
      const Rows narrow = Times({*table, one, Precision::kFast}, x.View().Rows(0, 15), matrix);
      for (const int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        const Ops ops{*table, pool, Precision::kFast};
        const auto compare = [&](std::int64_t first, std::int64_t count, const Rows& all) {
          const Rows part = Times(ops, x.View().Rows(first, count), matrix);
          EXPECT_EQ(
              std::memcmp(part.values.data(), all.values.data() + first * w.rows(), part.values.size() * sizeof(float)),
              0)
              << "rows " << first << " to " << first + count << ", " << threads << " threads";
        };
        for (const std::int64_t count : {16, 17, 36, 64, 100}) compare(100 - count, count, wide);
        for (const std::int64_t count : {1, 2, 3, 4, 8, 9, 15}) compare(15 - count, count, narrow);
      }
    }
  }
}

// Activations are quantised once per form; products that follow must find the codes of their own rows, in the form
// that their family asks for.
TEST(MatMul, ProductsInTurnDoNotMixTheirActivations) {
  ThreadPool pool(2);
  const Weight four = QuantisedWeight(DType::kQ4_0);
  const Weight eight = QuantisedWeight(DType::kQ8_0);
  const PackedMatrix packed_four = PackedForm(four);
  const PackedMatrix packed_eight = PackedForm(eight);
  Rows first = NormalRows(20, four.cols, 6);
  Rows second = NormalRows(3, four.cols, 7);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kFast};
    Activations shared = std::move(Activations::Create(20, four.cols)).value();
    for (Rows* x : {&first, &second, &first}) {
      shared.Set(x->View());
      for (const PackedMatrix* w : {&packed_four, &packed_eight, &packed_eight, &packed_four}) {
        Rows out(x->rows, w->rows());
        MatMul(ops, &shared, *w, out.View());
        EXPECT_EQ(out.values, Times(ops, x->View(), *w).values) << table->name;
      }
    }
  }
}

// A factor of the whole matrix is one rounding after the sums, in every form that products have.
TEST(MatMul, AFactorOfTheMatrixIsAppliedToFinishedSums) {
  ThreadPool pool(2);
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_0, DType::kQ8_0}) {
    const bool is_float = TraitsOf(dtype).block_length == 1;
    const Weight w = is_float ? FloatWeight(dtype, 37, 512, 9) : QuantisedWeight(dtype);
    const PackedMatrix plain = PackedForm(w);
    for (const float scale : {0.25F, 1.7F, -3.0F, 0.0F}) {
      PackedMatrix scaled = PackedForm(w);
      scaled.set_scale(scale);
      Weight wanted = w;
      for (double& value : wanted.values) value *= static_cast<double>(scale);
      std::vector<float> row(static_cast<std::size_t>(w.cols));
      std::vector<float> plain_row(row.size());
      scaled.RowToFloat(3, row.data());
      plain.RowToFloat(3, plain_row.data());
      for (std::size_t k = 0; k < row.size(); ++k) EXPECT_EQ(row[k], plain_row[k] * scale);
      for (const std::int64_t rows : {1, 3, 16, 40}) {
        Rows x = NormalRows(rows, w.cols, 10);
        for (const kernels::KernelTable* table : RunnableTables()) {
          SCOPED_TRACE(std::string(table->name) + " " + std::string(TraitsOf(dtype).name) + ", " +
                       std::to_string(rows) + " rows times " + std::to_string(scale));
          const Ops ops{*table, pool, Precision::kFast};
          const Rows got = Times(ops, x.View(), scaled);
          if (scale != 0.0F) {
            EXPECT_LT(is_float ? RelativeError(got, Product(x, wanted)) : ErrorOfSums(got, x, wanted),
                      is_float ? 3e-6 : 0.02);
          }
          const Rows unscaled = Times(ops, x.View(), plain);
          for (std::size_t i = 0; i < got.values.size(); ++i) EXPECT_EQ(got.values[i], unscaled.values[i] * scale);
        }
      }
    }
  }
}

TEST(MatMul, PanelsAloneHaveTheFactorToo) {
  ThreadPool pool(2);
  const Weight w = QuantisedWeight(DType::kQ8_0);
  PackedMatrix matrix = PackedForm(w);
  matrix.set_scale(1.7F);
  Rows x = NormalRows(1, w.cols, 11);
  for (const kernels::KernelTable* table : RunnableTables()) {
    const Ops ops{*table, pool, Precision::kFast};
    const Rows all = Times(ops, x.View(), matrix);
    Activations activations = std::move(Activations::Create(1, w.cols)).value();
    activations.Set(x.View());
    const std::vector<std::int32_t> panels = {0};
    std::vector<float> out(kernels::kPanelRows);
    MatMulPanels(ops, &activations, matrix, panels, out);
    const auto count = std::min<std::size_t>(kernels::kPanelRows, all.values.size());
    for (std::size_t n = 0; n < count; ++n) EXPECT_EQ(out[n], all.values[n]) << table->name;
  }
}

// Rows that are made one by one are packed as those of a file are.
TEST(PackedMatrix, PacksRowsThatAreFilledIn) {
  ThreadPool pool(3);
  for (const DType dtype : {DType::kQ4_0, DType::kQ8_0, DType::kF32}) {
    const bool is_float = dtype == DType::kF32;
    const Weight w = is_float ? FloatWeight(dtype, 37, 72, 12) : QuantisedWeight(dtype);
    const auto row_bytes = static_cast<std::size_t>(RowBytes(dtype, static_cast<std::uint64_t>(w.cols)));
    const auto fill = [&](std::int64_t row, std::byte* out) {
      std::memcpy(out, w.bytes.data() + static_cast<std::size_t>(row) * row_bytes, row_bytes);
    };
    const kernels::Family family = kernels::FamilyFor(dtype, w.cols);
    const PackedMatrix wanted = PackedForm(w);
    for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
      const PackedMatrix got =
          std::move(PackedMatrix::PackFilled(dtype, family, w.rows(), w.cols, fill, threads)).value();
      ASSERT_EQ(got.size_bytes(), wanted.size_bytes());
      EXPECT_EQ(std::memcmp(got.bytes(), wanted.bytes(), wanted.size_bytes()), 0) << TraitsOf(dtype).name;
      EXPECT_EQ(got.family(), family);
    }
  }
}

TEST(PackedMatrix, GivesBackTheRowsOfTheFile) {
  const Weight w = QuantisedWeight(DType::kQ8_0);
  const PackedMatrix packed = PackedForm(w);
  const auto as_stored = PackedMatrix::FromFileRows(w.dtype, w.rows(), w.cols, w.bytes);
  EXPECT_GE(packed.owned_bytes(), PackedMatrix::PackedBytes(kernels::FamilyFor(w.dtype, w.cols), w.rows(), w.cols));
  EXPECT_EQ(as_stored.owned_bytes(), 0U);
  std::vector<float> row(static_cast<std::size_t>(w.cols));
  for (const PackedMatrix* matrix : {&packed, &as_stored}) {
    for (std::int64_t n = 0; n < w.rows(); ++n) {
      matrix->RowToFloat(n, row.data());
      for (std::int64_t k = 0; k < w.cols; ++k)
        EXPECT_EQ(static_cast<double>(row[static_cast<std::size_t>(k)]),
                  w.values[static_cast<std::size_t>(n * w.cols + k)]);
    }
  }
}

TEST(EmbedRows, TakesRowsByIdFromAnyForm) {
  ThreadPool pool(1);
  const Ops ops{*RunnableTables().back(), pool, Precision::kFast};
  for (const DType dtype : {DType::kBF16, DType::kQ8_0}) {
    const Weight w = dtype == DType::kBF16 ? FloatWeight(dtype, 4, 512, 8) : QuantisedWeight(dtype);
    const PackedMatrix table = PackedForm(w);
    const std::vector<std::int32_t> ids = {3, 0, 0, 2};
    Rows out(4, w.cols);
    EmbedRows(ops, table, ids, out.View());
    for (std::int64_t t = 0; t < 4; ++t) {
      for (std::int64_t k = 0; k < w.cols; ++k)
        EXPECT_EQ(std::as_const(out).At(t, k),
                  w.values[static_cast<std::size_t>(ids[static_cast<std::size_t>(t)] * w.cols + k)]);
    }
  }
}

}  // namespace
}  // namespace thimble
