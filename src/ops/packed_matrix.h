// SPDX-License-Identifier: Apache-2.0
// PackedMatrix: one weight matrix [N, K] as the kernels want it: panels of a packed family, or the file's own rows;
// times one factor, where the file has one beside the weight.
#pragma once

#include "base/buffer.h"
#include "base/dtype.h"
#include "base/result.h"
#include "kernels/formats.h"
#include "sys/thread_pool.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace thimble {

class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Keeps pointing at `rows` x RowBytes(dtype, cols) bytes of the file, which must outlive this object.
  static PackedMatrix FromFileRows(DType dtype, std::int64_t rows, std::int64_t cols, std::span<const std::byte> bytes);
  // The same over bytes that it takes over.
  static PackedMatrix FromOwnedRows(DType dtype, std::int64_t rows, std::int64_t cols, Buffer<std::byte> bytes);
  // Panels of a packed family that were packed before: PackedBytes(family, rows, cols) bytes, which must outlive this
  // object. `dtype` is that of the rows they were made from.
  static PackedMatrix FromPanels(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                 std::span<const std::byte> bytes);
  // The same over bytes that it takes over.
  static PackedMatrix FromOwnedPanels(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                      Buffer<std::byte> bytes);
  // Packs into memory of its own; afterwards the file's bytes are not needed. kExhausted when there is no room. Floats,
  // which have no packed family, are copied as they are. `pool` may be nullptr: then one thread packs.
  static Result<PackedMatrix> Pack(DType dtype, std::int64_t rows, std::int64_t cols, std::span<const std::byte> bytes,
                                   ThreadPool* pool);
  // The same into a given family: kernels::FamilyFor(dtype, cols), or kU8Flat for any type whose rows are whole blocks.
  static Result<PackedMatrix> Pack(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                   std::span<const std::byte> bytes, ThreadPool* pool);
  // The same for rows that no file holds as they are: `fill_row(row, out)` writes row `row` as RowBytes(dtype, cols)
  // bytes; it is called from several threads at once. kFileRows keeps the rows as they come.
  using FillRow = std::function<void(std::int64_t row, std::byte* out)>;
  static Result<PackedMatrix> PackFilled(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols,
                                         const FillRow& fill_row, ThreadPool* pool);
  // Bytes that Pack would allocate for a packed family.
  static std::uint64_t PackedBytes(kernels::Family family, std::int64_t rows, std::int64_t cols);

  [[nodiscard]] std::int64_t rows() const { return rows_; }  // N, outputs
  [[nodiscard]] std::int64_t cols() const { return cols_; }  // K, inputs
  [[nodiscard]] DType dtype() const { return dtype_; }       // as in the file
  [[nodiscard]] kernels::Family family() const { return family_; }
  [[nodiscard]] bool empty() const { return rows_ == 0; }
  [[nodiscard]] std::uint64_t owned_bytes() const { return owned_.size(); }
  [[nodiscard]] const std::byte* bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

  // The factor of the whole matrix: what is stored times this is the weight. Products apply it to their outputs, which
  // costs nothing where it is 1.
  [[nodiscard]] float scale() const { return scale_; }
  void set_scale(float scale) { scale_ = scale; }

  // Row `row` as K floats, times scale(): the file's values, for families that pack without loss.
  void RowToFloat(std::int64_t row, float* out) const;

 private:
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  DType dtype_ = DType::kF32;
  kernels::Family family_ = kernels::Family::kFileRows;
  const std::byte* bytes_ = nullptr;
  std::uint64_t size_bytes_ = 0;
  float scale_ = 1.0F;
  Buffer<std::byte> owned_;
};

}  // namespace thimble
