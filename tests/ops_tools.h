// SPDX-License-Identifier: Apache-2.0
// What tests of operations share: owned rows, random numbers, and every instruction set this processor runs.
#pragma once

#include "base/mat_view.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "sys/machine.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace thimble::testing {

struct Rows {
  std::int64_t rows;
  std::int64_t cols;
  std::vector<float> values;

  Rows(std::int64_t num_rows, std::int64_t num_cols)
      : rows(num_rows), cols(num_cols), values(static_cast<std::size_t>(num_rows * num_cols)) {}
  [[nodiscard]] MatView<float> View() { return {values.data(), rows, cols}; }
  [[nodiscard]] float& At(std::int64_t row, std::int64_t col) {
    return values[static_cast<std::size_t>(row * cols + col)];
  }
  [[nodiscard]] double At(std::int64_t row, std::int64_t col) const {
    return static_cast<double>(values[static_cast<std::size_t>(row * cols + col)]);
  }
};

inline Rows NormalRows(std::int64_t rows, std::int64_t cols, unsigned seed, float size = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, size);
  Rows out(rows, cols);
  for (float& value : out.values) value = normal(random);
  return out;
}

inline std::vector<const kernels::KernelTable*> RunnableTables() {
  std::vector<const kernels::KernelTable*> tables;
  for (const kernels::KernelTable* table : kernels::AllTables()) {
    if ((DetectCpuFeatures() & table->needs) == table->needs) tables.push_back(table);
  }
  return tables;
}

// Largest |got - wanted| over the largest |wanted|; infinite for NaN.
inline double RelativeError(const Rows& got, const std::vector<double>& wanted) {
  double error = got.values.size() == wanted.size() ? 0 : INFINITY;
  double size = 1e-30;
  for (std::size_t i = 0; i < wanted.size() && i < got.values.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(got.values[i]) - wanted[i]);
    error = std::isnan(difference) ? INFINITY : std::max(error, difference);
    size = std::max(size, std::fabs(wanted[i]));
  }
  return error / size;
}

}  // namespace thimble::testing
