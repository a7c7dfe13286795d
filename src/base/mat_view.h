// SPDX-License-Identifier: Apache-2.0
// MatView<T>: a matrix somebody else owns: pointer, rows, columns, distance between rows.
#pragma once

#include "base/check.h"

#include <cstdint>
#include <span>
#include <type_traits>

namespace thimble {

template <typename T>
struct MatView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  // elements from one row to the next, >= cols

  MatView() = default;
  MatView(T* first, std::int64_t num_rows, std::int64_t num_cols) : MatView(first, num_rows, num_cols, num_cols) {}
  MatView(T* first, std::int64_t num_rows, std::int64_t num_cols, std::int64_t row_stride)
      : data(first), rows(num_rows), cols(num_cols), stride(row_stride) {}
  // A view of mutable numbers is also a view of constant ones.
  template <typename U>
    requires(std::is_same_v<const U, T>)
  MatView(const MatView<U>& other)  // NOLINT(google-explicit-constructor)
      : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}

  [[nodiscard]] T* Row(std::int64_t row) const {
    THIMBLE_DCHECK(row >= 0 && row < rows);
    return data + row * stride;
  }
  [[nodiscard]] std::span<T> RowSpan(std::int64_t row) const { return {Row(row), static_cast<std::size_t>(cols)}; }
  // `count` rows from `first` on.
  [[nodiscard]] MatView Rows(std::int64_t first, std::int64_t count) const {
    THIMBLE_DCHECK(first >= 0 && count >= 0 && first + count <= rows);
    return MatView(data + first * stride, count, cols, stride);
  }
  // `count` columns from `first` on, of every row.
  [[nodiscard]] MatView Cols(std::int64_t first, std::int64_t count) const {
    THIMBLE_DCHECK(first >= 0 && count >= 0 && first + count <= cols);
    return MatView(data + first, rows, count, stride);
  }
};

}  // namespace thimble
