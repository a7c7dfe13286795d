// SPDX-License-Identifier: Apache-2.0
// Matrices as MLX quantises them: codes of 2 to 8 bits packed into 32-bit words, and for each group of columns of a row
// a scale and a bias; weight = scale * code + bias.
#pragma once

#include "base/dtype.h"
#include "base/result.h"
#include "files/model_file.h"
#include "sys/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace thimble {

// The three tensors of one matrix, and what their shapes say.
struct MlxTensors {
  const TensorEntry* codes = nullptr;   // [rows, cols * bits / 32], U32
  const TensorEntry* scales = nullptr;  // [rows, cols / group]
  const TensorEntry* biases = nullptr;
  int bits = 0;
  std::int64_t group = 0;  // columns that share a scale
};

// What lies beside `codes`, by name alone: nullptr where there is none.
MlxTensors MlxTensorsBeside(const ModelFile& file, const TensorEntry& codes);
// True where `codes` is packed in this way: words, with scales and biases of the same stem beside it.
bool IsMlxPacked(const ModelFile& file, const TensorEntry& codes);
// The tensors that make a [rows, cols] matrix with `codes`. kUnsupported where they are packed in another way,
// kCorrupt where their shapes do not fit; both name the tensor.
Result<MlxTensors> FindMlxTensors(const ModelFile& file, const TensorEntry& codes, std::int64_t rows,
                                  std::int64_t cols);

// Reads rows of such a matrix.
class MlxMatrix {
 public:
  // `file` must outlive this object.
  static Result<MlxMatrix> Open(const ModelFile& file, const MlxTensors& tensors, std::int64_t rows, std::int64_t cols);

  // The type of file that holds the same numbers without loss: Q4_1 or Q5_1 for codes that fit where every scale and
  // bias is also a 16-bit float, else F32.
  [[nodiscard]] DType dtype() const { return dtype_; }
  // Row `row` as dtype()'s bytes.
  void FillRow(std::int64_t row, std::byte* out) const;
  // Row `row` as floats.
  void RowToFloat(std::int64_t row, float* out) const;

 private:
  [[nodiscard]] unsigned CodeAt(const std::byte* row, std::int64_t col) const;
  void TakeCodes(const std::byte* row, std::int64_t first, std::int64_t count, std::uint8_t* out) const;
  [[nodiscard]] float FactorAt(const TensorEntry& tensor, std::span<const std::byte> bytes, std::int64_t index) const;
  [[nodiscard]] bool FactorsAreHalves() const;

  MlxTensors tensors_;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
  std::int64_t groups_ = 0;  // of a row
  Bytes codes_;
  Bytes scales_;
  Bytes biases_;
  DType dtype_ = DType::kF32;
};

// The type that a matrix of `bits` can be kept in at best, for estimates: what dtype() says unless a scale is no 16-bit
// float.
DType MlxTypeFor(int bits, std::int64_t group, std::int64_t cols);

}  // namespace thimble
