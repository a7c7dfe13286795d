// SPDX-License-Identifier: Apache-2.0
// One weight of a plan: found, read, brought into its form.
#include "model/loader.h"

#include "base/text.h"
#include "files/tensor_table.h"
#include "files/whole_pack.h"
#include "kernels/dequant.h"
#include "model/packed_entry.h"
#include "model/weight_form.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace thimble {

Status Loader::Take(const PlannedWeight& weight) {
  THIMBLE_ASSIGN_OR_RETURN(const std::vector<FoundTensor> found, finder_.Find(weight));
  switch (weight.kind) {
    case WeightKind::kMatrix:
      return found.size() > 1 ? JoinRows(weight, found) : Matrix(weight, found.front());
    case WeightKind::kPatch:
      return Patch(weight, found);
    case WeightKind::kConvolution:
      return TurnedFloats(weight, found);
    case WeightKind::kVector:
      return Floats(found, weight.floats);
    case WeightKind::kNorm:
      THIMBLE_RETURN_IF_ERROR(Floats(found, weight.floats));
      if (is_gguf() || is_mlx_) return Done{};  // they hold the full factor
      for (float& value : weight.floats->span()) value += 1.0F;
      return Done{};
    case WeightKind::kDecay:
      THIMBLE_RETURN_IF_ERROR(Floats(found, weight.floats));
      if (is_gguf()) return Done{};  // holds -exp(A_log) already
      for (float& value : weight.floats->span()) value = -std::exp(value);
      return Done{};
  }
  return Done{};
}

Result<Bytes> Loader::Read(const FoundTensor& found) const {
  auto bytes = found.file->View(*found.tensor);
  if (!bytes.ok()) return WithPlace(bytes.error(), TensorFinder::PathOf(found));
  return bytes;
}

Result<float> Loader::ScaleOf(const FoundTensor& found) const {
  if (found.scale_tensor == nullptr) return 1.0F;
  const FoundTensor beside{found.file, found.scale_tensor, std::nullopt, nullptr};
  THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, Read(beside));
  float scale = 1.0F;
  kernels::RowToFloat(beside.tensor->dtype)(bytes.span().data(), 1, &scale);
  if (!std::isfinite(scale)) {
    return Error{Code::kCorrupt, Cat("[load] ", TensorFinder::PathOf(beside), ": tensor ",
                                     QuoteName(beside.tensor->name), " must be a finite number, and is none")};
  }
  return scale;
}

Status Loader::Advance(const FoundTensor& found) {
  found.file->Release(*found.tensor);
  done_ += found.tensor->size_bytes;
  if (options_.progress && !options_.progress(done_, total_)) return Error{Code::kCancelled, "[load] cancelled"};
  return Done{};
}

// ---- matrices ----

namespace {

// The tensor's entry where its file is a whole pack that holds it packed.
const PackedEntry* EntryIn(const FoundTensor& found) {
  return found.file->pack() != nullptr ? found.file->pack()->FindMatrix(found.tensor->name) : nullptr;
}

}  // namespace

Status Loader::FromPack(const FoundTensor& found, const PackedEntry& entry, const MatrixForm& form, std::int64_t rows,
                        std::int64_t cols, PackedMatrix* out) {
  THIMBLE_RETURN_IF_ERROR(CheckPacked(found, entry, form.family));
  const ByteSource& file = found.file->pack()->file();
  auto matrix = ReadPackedEntry(file, entry, form.dtype, form.family, rows, cols, options_.pool);
  if (!matrix.has_value()) {
    return Error{Code::kCorrupt, Cat("[load] ", TensorFinder::PathOf(found), ": tensor ", QuoteName(entry.name),
                                     " is damaged: import the model again")};
  }
  *out = std::move(*matrix);
  return Advance(found);
}

Status Loader::Matrix(const PlannedWeight& weight, const FoundTensor& found) {
  if (found.mlx.has_value()) return MlxMatrixOf(weight, found);
  const std::int64_t rows = weight.whole.shapes.front()[0];
  const std::int64_t cols = weight.whole.shapes.front()[1];
  const kernels::Family family = FamilyFor(options_, weight.part, found.tensor->dtype, cols);
  THIMBLE_RETURN_IF_ERROR(TakeMatrix(found, rows, cols, family, weight.matrix));
  THIMBLE_ASSIGN_OR_RETURN(const float scale, ScaleOf(found));
  weight.matrix->set_scale(scale);
  return Done{};
}

Status Loader::TakeMatrix(const FoundTensor& found, std::int64_t rows, std::int64_t cols, kernels::Family family,
                          PackedMatrix* out) {
  const DType dtype = found.tensor->dtype;
  if (cols % TraitsOf(dtype).block_length != 0) {
    return Error{Code::kCorrupt,
                 Cat("[load] ", TensorFinder::PathOf(found), ": tensor '", found.tensor->name, "' has rows of ", cols,
                     ", no multiple of ", TraitsOf(dtype).name, "'s block of ", TraitsOf(dtype).block_length)};
  }
  if (const PackedEntry* entry = EntryIn(found); entry != nullptr)
    return FromPack(found, *entry, {dtype, family}, rows, cols, out);
  PackCache* cache = family != kernels::Family::kFileRows ? CacheOf(*found.file) : nullptr;
  if (cache != nullptr) {
    if (auto packed = cache->Find(found.tensor->name, dtype, family, rows, cols); packed.has_value()) {
      *out = std::move(*packed);
      return Advance(found);
    }
  }
  THIMBLE_ASSIGN_OR_RETURN(Bytes bytes, Read(found));
  if (family == kernels::Family::kFileRows) {
    // Rows that a file lends stay there; what was read is kept.
    *out = bytes.is_borrowed() ? PackedMatrix::FromFileRows(dtype, rows, cols, bytes.span())
                               : PackedMatrix::FromOwnedRows(dtype, rows, cols, std::move(bytes).TakeBuffer());
    done_ += found.tensor->size_bytes;
    return Done{};
  }
  THIMBLE_ASSIGN_OR_RETURN(*out, PackedMatrix::Pack(dtype, family, rows, cols, bytes.span(), options_.pool));
  if (cache != nullptr) cache->Add(found.tensor->name, *out);
  return Advance(found);
}

Status Loader::MlxMatrixOf(const PlannedWeight& weight, const FoundTensor& found) {
  const std::int64_t rows = weight.whole.shapes.front()[0];
  const std::int64_t cols = weight.whole.shapes.front()[1];
  if (const PackedEntry* entry = EntryIn(found); entry != nullptr) {
    // Which of the two types its factors allowed was told when it was packed.
    const DType best = MlxTypeFor(found.mlx->bits, found.mlx->group, cols);
    const DType dtype = entry->dtype == static_cast<std::uint32_t>(best) ? best : DType::kF32;
    const kernels::Family family = MlxFamilyFor(options_, weight.part, dtype, cols);
    return FromPack(found, *entry, {dtype, family}, rows, cols, weight.matrix);
  }
  auto opened = MlxMatrix::Open(*found.file, *found.mlx, rows, cols);
  if (!opened.ok()) return WithPlace(opened.error(), TensorFinder::PathOf(found));
  const MlxMatrix& source = opened.value();
  const DType dtype = source.dtype();
  const kernels::Family family = MlxFamilyFor(options_, weight.part, dtype, cols);
  PackCache* cache = family != kernels::Family::kFileRows ? CacheOf(*found.file) : nullptr;
  if (cache != nullptr) {
    if (auto packed = cache->Find(found.tensor->name, dtype, family, rows, cols); packed.has_value()) {
      *weight.matrix = std::move(*packed);
      return Advance(found);
    }
  }
  const auto fill = [&source](std::int64_t row, std::byte* to) { source.FillRow(row, to); };
  THIMBLE_ASSIGN_OR_RETURN(*weight.matrix, PackedMatrix::PackFilled(dtype, family, rows, cols, fill, options_.pool));
  if (cache != nullptr) cache->Add(found.tensor->name, *weight.matrix);
  return Advance(found);
}

// Pieces of as many rows each, below each other.
Status Loader::JoinRows(const PlannedWeight& weight, std::span<const FoundTensor> pieces) {
  const std::int64_t rows = weight.pieces.front().shapes.front()[0];
  const std::int64_t cols = weight.pieces.front().shapes.front()[1];
  const DType dtype = JoinedType(pieces, cols);
  const bool is_alike = std::all_of(pieces.begin(), pieces.end(), [&](const FoundTensor& piece) {
    return piece.tensor->dtype == dtype && piece.scale_tensor == nullptr;
  });
  std::vector<PackedMatrix> sources(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    THIMBLE_RETURN_IF_ERROR(TakeMatrix(pieces[i], rows, cols, kernels::Family::kFileRows, &sources[i]));
    THIMBLE_ASSIGN_OR_RETURN(const float scale, ScaleOf(pieces[i]));
    sources[i].set_scale(scale);
  }
  const auto row_bytes = static_cast<std::size_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols)));
  const auto fill = [&](std::int64_t row, std::byte* to) {
    const PackedMatrix& source = sources[static_cast<std::size_t>(row / rows)];
    if (is_alike) {
      std::memcpy(to, source.bytes() + static_cast<std::size_t>(row % rows) * row_bytes, row_bytes);
    } else {
      source.RowToFloat(row % rows, reinterpret_cast<float*>(to));
    }
  };
  const std::int64_t all_rows = weight.whole.shapes.front()[0];
  THIMBLE_ASSIGN_OR_RETURN(
      *weight.matrix, PackedMatrix::PackFilled(dtype, FamilyFor(options_, weight.part, dtype, cols), all_rows, cols,
                                               fill, options_.pool));
  return Done{};
}

// ---- floats ----

Status Loader::Floats(std::span<const FoundTensor> found, Buffer<float>* out) {
  std::int64_t count = 0;
  for (const FoundTensor& tensor : found) count += CountFloats(tensor);
  THIMBLE_ASSIGN_OR_RETURN(*out, Buffer<float>::Create(static_cast<std::size_t>(count)));
  std::span<float> rest = out->span();
  for (const FoundTensor& tensor : found) {
    const auto size = static_cast<std::size_t>(CountFloats(tensor));
    THIMBLE_RETURN_IF_ERROR(FloatsOf(tensor, rest.first(size)));
    rest = rest.subspan(size);
  }
  return Done{};
}

Status Loader::FloatsOf(const FoundTensor& found, std::span<float> out) {
  const auto count = static_cast<std::int64_t>(out.size());
  if (found.mlx.has_value()) {
    const std::int64_t rows = found.tensor->shape[0];
    auto source = MlxMatrix::Open(*found.file, *found.mlx, rows, count / rows);
    if (!source.ok()) return WithPlace(source.error(), TensorFinder::PathOf(found));
    for (std::int64_t row = 0; row < rows; ++row) source.value().RowToFloat(row, out.data() + row * (count / rows));
    return Advance(found);
  }
  THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, Read(found));
  if (count % TraitsOf(found.tensor->dtype).block_length != 0) {
    return Error{Code::kCorrupt, Cat("[load] ", TensorFinder::PathOf(found), ": tensor '", found.tensor->name,
                                     "' cannot be of type ", TraitsOf(found.tensor->dtype).name)};
  }
  kernels::RowToFloat(found.tensor->dtype)(bytes.span().data(), count, out.data());
  return Advance(found);
}

// Files hold the taps of a channel side by side; kernels take a tap of many channels at once.
Status Loader::TurnedFloats(const PlannedWeight& weight, std::span<const FoundTensor> found) {
  const std::int64_t channels = weight.whole.shapes.front()[0];
  const std::int64_t taps = weight.whole.shapes.front()[1];
  Buffer<float> by_channel;
  THIMBLE_RETURN_IF_ERROR(Floats(found, &by_channel));
  THIMBLE_ASSIGN_OR_RETURN(*weight.floats, Buffer<float>::Create(by_channel.size()));
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t j = 0; j < taps; ++j)
      (*weight.floats)[static_cast<std::size_t>(j * channels + c)] = by_channel[static_cast<std::size_t>(c * taps + j)];
  }
  return Done{};
}

namespace {

// A row's numbers of [Vh, place, channel], as MLX has them, into [Vh, channel, place].
void PutChannelsFirst(std::span<const float> from, std::int64_t places, float* to) {
  const auto size = static_cast<std::int64_t>(from.size());
  for (std::int64_t row = 0; row < size; row += 3 * places) {
    for (std::int64_t place = 0; place < places; ++place) {
      for (std::int64_t channel = 0; channel < 3; ++channel)
        to[row + channel * places + place] = from[static_cast<std::size_t>(row + place * 3 + channel)];
    }
  }
}

// One of the two frames, [Vh, channel, y, x], into its places of [Vh, channel, frame, y, x]. `area`: y times x.
void PutFrame(std::span<const float> from, std::int64_t area, std::int64_t frame, float* to) {
  const std::int64_t num_areas = static_cast<std::int64_t>(from.size()) / area;
  for (std::int64_t i = 0; i < num_areas; ++i)
    std::memcpy(to + (2 * i + frame) * area, from.data() + i * area, static_cast<std::size_t>(area) * sizeof(float));
}

}  // namespace

Status Loader::Patch(const PlannedWeight& weight, std::span<const FoundTensor> found) {
  const std::vector<std::int64_t>& shape = weight.whole.shapes.front();  // [Vh, 3, 2, y, x]
  const std::int64_t area = shape[3] * shape[4];
  const std::int64_t cols = 6 * area;
  const auto size = static_cast<std::size_t>(shape[0] * cols) * sizeof(float);
  THIMBLE_ASSIGN_OR_RETURN(auto bytes, Buffer<std::byte>::Create(size));
  auto* rows = reinterpret_cast<float*>(bytes.data());
  for (std::size_t i = 0; i < found.size(); ++i) {
    Buffer<float> values;
    THIMBLE_RETURN_IF_ERROR(Floats(found.subspan(i, 1), &values));
    if (found.size() > 1) {
      PutFrame(values.span(), area, static_cast<std::int64_t>(i), rows);
    } else if (const auto& channels_last = weight.whole.shapes.back(); found[i].tensor->shape == channels_last) {
      PutChannelsFirst(values.span(), 2 * area, rows);
    } else {
      std::memcpy(rows, values.data(), values.size_bytes());
    }
  }
  *weight.matrix = PackedMatrix::FromOwnedRows(DType::kF32, shape[0], cols, std::move(bytes));
  return Done{};
}

}  // namespace thimble
