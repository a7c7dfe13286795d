// SPDX-License-Identifier: Apache-2.0
#include "model/mlx_affine.h"

#include "base/check.h"
#include "base/half.h"
#include "base/text.h"
#include "files/tensor_table.h"
#include "kernels/dequant.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace thimble {

namespace {

constexpr std::int64_t kWordBits = 32;
constexpr std::int64_t kBlock = 32;  // columns of a block of Q4_1 and Q5_1
constexpr std::string_view kWeight = "weight";

std::string Beside(const TensorEntry& codes, std::string_view part) {
  return Cat(std::string_view(codes.name).substr(0, codes.name.size() - kWeight.size()), part);
}

bool IsFloat(const TensorEntry& tensor) {
  return tensor.unknown_type.empty() && TraitsOf(tensor.dtype).block_length == 1;
}

// Bytes of a tensor of 32-bit words, which no DType names.
Result<Bytes> WordsOf(const ModelFile& file, const TensorEntry& codes) {
  TensorEntry plain = codes;
  plain.unknown_type.clear();
  return file.View(plain);
}

}  // namespace

MlxTensors MlxTensorsBeside(const ModelFile& file, const TensorEntry& codes) {
  MlxTensors found;
  if (codes.unknown_type != "U32" || !codes.name.ends_with(kWeight)) return found;
  found.codes = &codes;
  found.scales = file.Find(Beside(codes, "scales"));
  found.biases = file.Find(Beside(codes, "biases"));
  return found;
}

bool IsMlxPacked(const ModelFile& file, const TensorEntry& codes) {
  const MlxTensors found = MlxTensorsBeside(file, codes);
  return found.scales != nullptr && found.biases != nullptr;
}

Result<MlxTensors> FindMlxTensors(const ModelFile& file, const TensorEntry& codes, std::int64_t rows,
                                  std::int64_t cols) {
  const auto fault = [&](Code code, const auto&... parts) {
    return Error{code, Cat("[mlx] tensor ", QuoteName(codes.name), " ", parts...)};
  };
  MlxTensors found = MlxTensorsBeside(file, codes);
  if (found.scales == nullptr || found.biases == nullptr || !IsFloat(*found.scales) || !IsFloat(*found.biases)) {
    return fault(Code::kUnsupported,
                 "is packed in a way that is not read (scales and biases of float type belong to it): use the GGUF or "
                 "the unquantised folder");
  }
  const std::vector<std::int64_t>& shape = codes.shape;
  if (shape.size() != 2 || shape[0] != rows || shape[1] < 1 || shape[1] > cols || (shape[1] * kWordBits) % cols != 0)
    return fault(Code::kCorrupt, "of packed codes is ", codes.ShapeText(), ", no packed form of [", rows, ", ", cols,
                 "]");
  found.bits = static_cast<int>(shape[1] * kWordBits / cols);
  if (found.bits < 2 || found.bits > 8 || found.bits == 7)
    return fault(Code::kUnsupported, "has codes of ", found.bits, " bits; 2, 3, 4, 5, 6 and 8 are read");
  for (const TensorEntry* part : {found.scales, found.biases}) {
    const bool fits = part->shape.size() == 2 && part->shape[0] == rows && part->shape[1] >= 1 &&
                      cols % part->shape[1] == 0 && part->shape == found.scales->shape;
    if (!fits) {
      return Error{Code::kCorrupt, Cat("[mlx] tensor ", QuoteName(part->name), " is ", part->ShapeText(),
                                       ", no factors for groups of [", rows, ", ", cols, "]")};
    }
  }
  found.group = cols / found.scales->shape[1];
  if (codes.size_bytes != static_cast<std::uint64_t>(shape[0]) * static_cast<std::uint64_t>(shape[1]) * 4)
    return fault(Code::kCorrupt, "has ", codes.size_bytes, " bytes, its shape ", codes.ShapeText(), " needs others");
  return found;
}

DType MlxTypeFor(int bits, std::int64_t group, std::int64_t cols) {
  if (group % 32 != 0 || cols % 32 != 0 || bits > 5) return DType::kF32;
  return bits == 5 ? DType::kQ5_1 : DType::kQ4_1;
}

Result<MlxMatrix> MlxMatrix::Open(const ModelFile& file, const MlxTensors& tensors, std::int64_t rows,
                                  std::int64_t cols) {
  MlxMatrix matrix;
  matrix.tensors_ = tensors;
  matrix.rows_ = rows;
  matrix.cols_ = cols;
  matrix.groups_ = cols / tensors.group;
  THIMBLE_ASSIGN_OR_RETURN(matrix.codes_, WordsOf(file, *tensors.codes));
  THIMBLE_ASSIGN_OR_RETURN(matrix.scales_, file.View(*tensors.scales));
  THIMBLE_ASSIGN_OR_RETURN(matrix.biases_, file.View(*tensors.biases));
  matrix.dtype_ = MlxTypeFor(tensors.bits, tensors.group, cols);
  if (matrix.dtype_ != DType::kF32 && !matrix.FactorsAreHalves()) matrix.dtype_ = DType::kF32;
  return matrix;
}

float MlxMatrix::FactorAt(const TensorEntry& tensor, std::span<const std::byte> bytes, std::int64_t index) const {
  float value = 0;
  const auto size = static_cast<std::int64_t>(TraitsOf(tensor.dtype).block_bytes);
  kernels::RowToFloat(tensor.dtype)(bytes.data() + index * size, 1, &value);
  return value;
}

bool MlxMatrix::FactorsAreHalves() const {
  const auto are = [this](const TensorEntry& tensor, std::span<const std::byte> bytes) {
    if (tensor.dtype == DType::kF16) return true;
    for (std::int64_t i = 0; i < rows_ * groups_; ++i) {
      const float value = FactorAt(tensor, bytes, i);
      if (F16ToF32(F32ToF16(value)) != value) return false;
    }
    return true;
  };
  return are(*tensors_.scales, scales_.span()) && are(*tensors_.biases, biases_.span());
}

// Codes follow each other without gaps, lowest bits first.
unsigned MlxMatrix::CodeAt(const std::byte* row, std::int64_t col) const {
  const std::int64_t bit = col * tensors_.bits;
  const std::byte* at = row + bit / 8;
  const auto shift = static_cast<unsigned>(bit % 8);
  unsigned value = static_cast<unsigned>(*at) >> shift;
  if (shift + static_cast<unsigned>(tensors_.bits) > 8) value |= static_cast<unsigned>(at[1]) << (8 - shift);
  return value & ((1U << static_cast<unsigned>(tensors_.bits)) - 1);
}

// `count` codes from column `first` on. Bytes and pairs, the common widths, need no bits moved.
void MlxMatrix::TakeCodes(const std::byte* row, std::int64_t first, std::int64_t count, std::uint8_t* out) const {
  if (tensors_.bits == 8) {
    std::memcpy(out, row + first, static_cast<std::size_t>(count));
  } else if (tensors_.bits == 4 && first % 2 == 0 && count % 2 == 0) {
    const std::byte* pairs = row + first / 2;
    for (std::int64_t i = 0; i < count / 2; ++i) {
      out[2 * i] = static_cast<std::uint8_t>(pairs[i]) & 15U;
      out[2 * i + 1] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(pairs[i]) >> 4U);
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(CodeAt(row, first + i));
  }
}

void MlxMatrix::RowToFloat(std::int64_t row, float* out) const {
  THIMBLE_DCHECK(row >= 0 && row < rows_);
  const std::byte* packed = codes_.data() + row * tensors_.codes->shape[1] * 4;
  std::array<std::uint8_t, kBlock> codes{};
  for (std::int64_t group = 0; group < groups_; ++group) {
    const float scale = FactorAt(*tensors_.scales, scales_.span(), row * groups_ + group);
    const float bias = FactorAt(*tensors_.biases, biases_.span(), row * groups_ + group);
    const std::int64_t end = (group + 1) * tensors_.group;
    for (std::int64_t col = group * tensors_.group; col < end; col += kBlock) {
      const std::int64_t count = std::min(kBlock, end - col);
      TakeCodes(packed, col, count, codes.data());
      for (std::int64_t i = 0; i < count; ++i)
        out[col + i] = scale * static_cast<float>(codes[static_cast<std::size_t>(i)]) + bias;
    }
  }
}

void MlxMatrix::FillRow(std::int64_t row, std::byte* out) const {
  if (dtype_ == DType::kF32) {
    RowToFloat(row, reinterpret_cast<float*>(out));
    return;
  }
  // Blocks of 32 columns: scale, minimum, for five bits the fifth ones, then two codes a byte, 16 columns apart.
  const std::byte* packed = codes_.data() + row * tensors_.codes->shape[1] * 4;
  const auto block_bytes = static_cast<std::size_t>(TraitsOf(dtype_).block_bytes);
  std::array<std::uint8_t, kBlock> codes{};
  for (std::int64_t block = 0; block < cols_ / kBlock; ++block) {
    std::byte* to = out + static_cast<std::size_t>(block) * block_bytes;
    const std::int64_t group = row * groups_ + block * kBlock / tensors_.group;
    const std::uint16_t scale = F32ToF16(FactorAt(*tensors_.scales, scales_.span(), group));
    const std::uint16_t bias = F32ToF16(FactorAt(*tensors_.biases, biases_.span(), group));
    std::memcpy(to, &scale, 2);
    std::memcpy(to + 2, &bias, 2);
    TakeCodes(packed, block * kBlock, kBlock, codes.data());
    std::uint32_t fifth = 0;
    std::byte* nibbles = to + block_bytes - 16;
    for (unsigned j = 0; j < 16; ++j) {
      const unsigned low = codes[j];
      const unsigned high = codes[j + 16];
      nibbles[j] = static_cast<std::byte>((low & 15U) | (high & 15U) << 4U);
      fifth |= (low >> 4U) << j | (high >> 4U) << (j + 16);
    }
    if (dtype_ == DType::kQ5_1) std::memcpy(to + 4, &fifth, 4);
  }
}

}  // namespace thimble
