// SPDX-License-Identifier: Apache-2.0
#include "ops/packed_matrix.h"

#include "base/check.h"
#include "kernels/dequant.h"
#include "kernels/pack.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace thimble {

PackedMatrix PackedMatrix::FromFileRows(DType dtype, std::int64_t rows, std::int64_t cols,
                                        std::span<const std::byte> bytes) {
  THIMBLE_CHECK(bytes.size() >= static_cast<std::uint64_t>(rows) * RowBytes(dtype, static_cast<std::uint64_t>(cols)));
  PackedMatrix matrix;
  matrix.rows_ = rows;
  matrix.cols_ = cols;
  matrix.dtype_ = dtype;
  matrix.bytes_ = bytes.data();
  matrix.size_bytes_ = bytes.size();
  return matrix;
}

PackedMatrix PackedMatrix::FromOwnedRows(DType dtype, std::int64_t rows, std::int64_t cols, Buffer<std::byte> bytes) {
  PackedMatrix matrix = FromFileRows(dtype, rows, cols, bytes.span());
  matrix.owned_ = std::move(bytes);
  return matrix;
}

PackedMatrix PackedMatrix::FromPanels(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                      std::span<const std::byte> bytes) {
  THIMBLE_CHECK(bytes.size() == PackedBytes(family, rows, cols));
  PackedMatrix matrix;
  matrix.rows_ = rows;
  matrix.cols_ = cols;
  matrix.dtype_ = dtype;
  matrix.family_ = family;
  matrix.bytes_ = bytes.data();
  matrix.size_bytes_ = bytes.size();
  return matrix;
}

PackedMatrix PackedMatrix::FromOwnedPanels(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                           Buffer<std::byte> bytes) {
  PackedMatrix matrix = FromPanels(dtype, family, rows, cols, bytes.span());
  matrix.owned_ = std::move(bytes);
  return matrix;
}

Result<PackedMatrix> PackedMatrix::Pack(DType dtype, std::int64_t rows, std::int64_t cols,
                                        std::span<const std::byte> bytes, ThreadPool* pool) {
  return Pack(dtype, kernels::FamilyFor(dtype, cols), rows, cols, bytes, pool);
}

Result<PackedMatrix> PackedMatrix::Pack(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                        std::span<const std::byte> bytes, ThreadPool* pool) {
  if (family == kernels::Family::kFileRows) {
    THIMBLE_ASSIGN_OR_RETURN(auto copy, Buffer<std::byte>::Create(bytes.size()));
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    return FromOwnedRows(dtype, rows, cols, std::move(copy));
  }
  const std::int64_t panel_bytes = kernels::PanelBytes(family, cols);
  const std::int64_t num_panels = (rows + kernels::kPanelRows - 1) / kernels::kPanelRows;
  PackedMatrix matrix;
  THIMBLE_ASSIGN_OR_RETURN(matrix.owned_, Buffer<std::byte>::Create(static_cast<std::size_t>(panel_bytes) *
                                                                    static_cast<std::size_t>(num_panels)));
  matrix.rows_ = rows;
  matrix.cols_ = cols;
  matrix.dtype_ = dtype;
  matrix.family_ = family;
  matrix.bytes_ = matrix.owned_.data();
  matrix.size_bytes_ = matrix.owned_.size();
  const auto row_bytes = static_cast<std::int64_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols)));
  std::byte* out = matrix.owned_.data();
  const auto pack_panels = [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t panel = first; panel < end; ++panel) {
      const std::int64_t row = panel * kernels::kPanelRows;
      const auto count = static_cast<int>(std::min<std::int64_t>(kernels::kPanelRows, rows - row));
      kernels::PackPanel(dtype, family, bytes.data() + row * row_bytes, row_bytes, count, cols,
                         out + panel * panel_bytes);
    }
  };
  constexpr std::int64_t kPanelsPerTask = 16;
  const auto num_tasks = static_cast<int>((num_panels + kPanelsPerTask - 1) / kPanelsPerTask);
  if (pool == nullptr) {
    pack_panels(0, num_panels);
  } else {
    pool->Run(num_tasks, [&](int task, int) {
      const std::int64_t first = task * kPanelsPerTask;
      pack_panels(first, std::min(first + kPanelsPerTask, num_panels));
    });
  }
  return matrix;
}

Result<PackedMatrix> PackedMatrix::PackFilled(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                              const FillRow& fill_row, ThreadPool* pool) {
  const bool is_packed = family != kernels::Family::kFileRows;
  const auto row_bytes = static_cast<std::size_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols)));
  const std::size_t size = is_packed ? static_cast<std::size_t>(PackedBytes(family, rows, cols))
                                     : static_cast<std::size_t>(rows) * row_bytes;
  THIMBLE_ASSIGN_OR_RETURN(auto bytes, Buffer<std::byte>::Create(size));
  const auto panel_bytes = is_packed ? static_cast<std::size_t>(kernels::PanelBytes(family, cols)) : 0;
  // A panel of rows at a time.
  const auto fill_panels = [&](std::int64_t first, std::int64_t end) {
    std::vector<std::byte> panel_rows(is_packed ? row_bytes * kernels::kPanelRows : 0);
    for (std::int64_t panel = first; panel < end; ++panel) {
      const std::int64_t row = panel * kernels::kPanelRows;
      const auto count = static_cast<int>(std::min<std::int64_t>(kernels::kPanelRows, rows - row));
      std::byte* to = is_packed ? panel_rows.data() : bytes.data() + static_cast<std::size_t>(row) * row_bytes;
      for (int i = 0; i < count; ++i) fill_row(row + i, to + static_cast<std::size_t>(i) * row_bytes);
      if (!is_packed) continue;
      kernels::PackPanel(dtype, family, to, static_cast<std::int64_t>(row_bytes), count, cols,
                         bytes.data() + static_cast<std::size_t>(panel) * panel_bytes);
    }
  };
  const std::int64_t num_panels = (rows + kernels::kPanelRows - 1) / kernels::kPanelRows;
  if (pool == nullptr) {
    fill_panels(0, num_panels);
  } else {
    pool->Run(static_cast<int>(num_panels), [&](int panel, int) { fill_panels(panel, panel + 1); });
  }
  if (!is_packed) return FromOwnedRows(dtype, rows, cols, std::move(bytes));
  return FromOwnedPanels(dtype, family, rows, cols, std::move(bytes));
}

std::uint64_t PackedMatrix::PackedBytes(kernels::Family family, std::int64_t rows, std::int64_t cols) {
  THIMBLE_CHECK(family != kernels::Family::kFileRows);
  const std::int64_t num_panels = (rows + kernels::kPanelRows - 1) / kernels::kPanelRows;
  return static_cast<std::uint64_t>(num_panels) * static_cast<std::uint64_t>(kernels::PanelBytes(family, cols));
}

void PackedMatrix::RowToFloat(std::int64_t row, float* out) const {
  THIMBLE_DCHECK(row >= 0 && row < rows_);
  if (family_ == kernels::Family::kFileRows) {
    const auto row_bytes = static_cast<std::int64_t>(RowBytes(dtype_, static_cast<std::uint64_t>(cols_)));
    kernels::RowToFloat(dtype_)(bytes_ + row * row_bytes, cols_, out);
  } else {
    const std::byte* panel = bytes_ + row / kernels::kPanelRows * kernels::PanelBytes(family_, cols_);
    kernels::PanelRowToFloat(family_, panel, static_cast<int>(row % kernels::kPanelRows), cols_, out);
  }
  if (scale_ == 1.0F) return;
  for (std::int64_t col = 0; col < cols_; ++col) out[col] *= scale_;
}

}  // namespace thimble
