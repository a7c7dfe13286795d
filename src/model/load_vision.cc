// SPDX-License-Identifier: Apache-2.0
// The vision tower's weights, in the three ways in which files name and cut them.
#include "base/text.h"
#include "kernels/dequant.h"
#include "model/loader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace thimble {

namespace {

// A weight's name from the stem that it shares with its bias.
class PartName {
 public:
  PartName(const WeightName& stem, std::string_view part)
      : gguf_(Cat(stem.gguf, part)), hf_(Cat(stem.hf, part)), ollama_(Cat(stem.ollama, part)) {}
  [[nodiscard]] WeightName name() const { return {gguf_, hf_, ollama_}; }

 private:
  std::string gguf_, hf_, ollama_;
};

}  // namespace

Status Loader::VisionPair(const WeightName& stem, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* weight,
                          Buffer<float>* bias) {
  THIMBLE_RETURN_IF_ERROR(Matrix(PartName(stem, "weight").name(), layer, rows, cols, weight, true));
  return Vector(PartName(stem, "bias").name(), layer, {rows}, bias, true);
}

Status Loader::VisionNorm(const WeightName& stem, int layer, Buffer<float>* weight, Buffer<float>* bias) {
  const std::int64_t width = config_.vision->width;
  THIMBLE_RETURN_IF_ERROR(Vector(PartName(stem, "weight").name(), layer, {width}, weight, true));
  return Vector(PartName(stem, "bias").name(), layer, {width}, bias, true);
}

// Queries, keys and values in one matrix; or three matrices, whose rows are put below each other.
Status Loader::VisionQkv(int block, VisionBlockWeights* out) {
  const std::int64_t width = config_.vision->width;
  const auto part_of = [&](std::size_t i) { return PartName(names::kVisionParts[i], "weight"); };
  const bool is_whole = Locate(PartName(names::kVisionQkv, "weight").name(), block, true) != nullptr ||
                        Locate(part_of(0).name(), block, true) == nullptr;
  if (is_whole) return VisionPair(names::kVisionQkv, block, 3 * width, width, &out->qkv, &out->qkv_bias);
  std::vector<Found> parts;
  std::array<Buffer<float>, 3> biases;
  for (std::size_t i = 0; i < biases.size(); ++i) {
    THIMBLE_RETURN_IF_ERROR(Vector(PartName(names::kVisionParts[i], "bias").name(), block, {width}, &biases[i], true));
    auto found = Find(part_of(i).name(), block, {{width, width}}, true);
    if (claims_ != nullptr && !found.ok()) continue;
    if (!found.ok()) return found.error();
    const Status scale_found = FindScale(&found.value());
    if (counted_ == nullptr && !scale_found.ok()) return scale_found.error();
    parts.push_back(std::move(found).value());
  }
  if (claims_ != nullptr) return Done{};
  THIMBLE_RETURN_IF_ERROR(JoinRows(parts, width, &out->qkv));
  if (counted_ != nullptr) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(out->qkv_bias, Buffer<float>::Create(static_cast<std::size_t>(3 * width)));
  for (std::size_t i = 0; i < biases.size(); ++i)
    std::memcpy(out->qkv_bias.data() + static_cast<std::int64_t>(i) * width, biases[i].data(), biases[i].size_bytes());
  return Done{};
}

// [width, width] matrices below each other. Rows of one type and without factors stay as they are; others meet as
// floats.
Status Loader::JoinRows(const std::vector<Found>& parts, std::int64_t width, PackedMatrix* out) {
  const DType first = parts.front().tensor->dtype;
  const bool is_alike =
      width % TraitsOf(first).block_length == 0 && std::all_of(parts.begin(), parts.end(), [&](const Found& part) {
        return part.tensor->dtype == first && part.scale_tensor == nullptr;
      });
  const DType dtype = is_alike ? first : DType::kF32;
  const kernels::Family family = FamilyOf(dtype, width, true);
  const std::int64_t rows = static_cast<std::int64_t>(parts.size()) * width;
  if (counted_ != nullptr) {
    counted_->weights_bytes +=
        family == kernels::Family::kFileRows
            ? static_cast<std::uint64_t>(rows) * RowBytes(dtype, static_cast<std::uint64_t>(width))
            : PackedMatrix::PackedBytes(family, rows, width);
    return Done{};
  }
  std::vector<PackedMatrix> sources(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    THIMBLE_RETURN_IF_ERROR(TakeMatrix(parts[i], width, width, kernels::Family::kFileRows, &sources[i]));
    THIMBLE_ASSIGN_OR_RETURN(const float scale, ScaleOf(parts[i]));
    sources[i].set_scale(scale);
  }
  const auto row_bytes = static_cast<std::size_t>(RowBytes(dtype, static_cast<std::uint64_t>(width)));
  const auto fill = [&](std::int64_t row, std::byte* to) {
    const PackedMatrix& source = sources[static_cast<std::size_t>(row / width)];
    if (is_alike) {
      std::memcpy(to, source.bytes() + static_cast<std::size_t>(row % width) * row_bytes, row_bytes);
    } else {
      source.RowToFloat(row % width, reinterpret_cast<float*>(to));
    }
  };
  THIMBLE_ASSIGN_OR_RETURN(*out, PackedMatrix::PackFilled(dtype, family, rows, width, fill, options_.pool));
  return Done{};
}

Status Loader::VisionBlock(int block, VisionBlockWeights* out) {
  const std::int64_t width = config_.vision->width;
  const std::int64_t mlp = config_.vision->mlp;
  THIMBLE_RETURN_IF_ERROR(VisionNorm(names::kVisionNorm1, block, &out->norm1_weight, &out->norm1_bias));
  THIMBLE_RETURN_IF_ERROR(VisionNorm(names::kVisionNorm2, block, &out->norm2_weight, &out->norm2_bias));
  THIMBLE_RETURN_IF_ERROR(VisionQkv(block, out));
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kVisionProj, block, width, width, &out->proj, &out->proj_bias));
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kVisionFc1, block, mlp, width, &out->fc1, &out->fc1_bias));
  return VisionPair(names::kVisionFc2, block, width, mlp, &out->fc2, &out->fc2_bias);
}

// The patch convolution as a matrix of float32 rows [Vh, channel, frame, y, x].
Status Loader::VisionPatch(VisionWeights* out) {
  const VisionConfig& v = *config_.vision;
  const std::int64_t cols = 3 * 2 * static_cast<std::int64_t>(v.patches.patch) * v.patches.patch;
  THIMBLE_RETURN_IF_ERROR(Vector(names::kPatchBias, 0, {v.width}, &out->patch_bias, true));
  Buffer<std::byte> bytes;
  if (counted_ == nullptr) {
    THIMBLE_ASSIGN_OR_RETURN(bytes,
                             Buffer<std::byte>::Create(static_cast<std::size_t>(v.width * cols) * sizeof(float)));
  }
  auto* rows = reinterpret_cast<float*>(bytes.data());
  THIMBLE_RETURN_IF_ERROR(TowerFormOf(tower()) == TowerForm::kGguf ? SlicedPatch(rows) : WholePatch(rows));
  if (counted_ == nullptr) out->patch = PackedMatrix::FromOwnedRows(DType::kF32, v.width, cols, std::move(bytes));
  return Done{};
}

// One tensor, in the order of our rows; Ollama's file counts channels among the rows. MLX puts the channels last: told
// by the shape, since there are three of them and two frames.
Status Loader::WholePatch(float* rows) {
  const VisionConfig& v = *config_.vision;
  const std::int64_t side = v.patches.patch;
  const std::int64_t places = 2 * side * side;  // of frame, y and x
  const std::vector<std::int64_t> channels_last = {v.width, 2, side, side, 3};
  auto found = Find(names::kPatch, 0,
                    {{v.width, 3, 2, side, side},
                     {3 * v.width, 2, side, side},
                     {3 * v.width, places},
                     {v.width, 3 * places},
                     channels_last},
                    true);
  if (!found.ok()) return claims_ != nullptr ? Status(Done{}) : found.error();
  Buffer<float> whole;
  THIMBLE_RETURN_IF_ERROR(FloatsOf(found.value(), &whole));
  if (counted_ != nullptr) return Done{};
  if (found.value().tensor->shape != channels_last) {
    std::memcpy(rows, whole.data(), whole.size_bytes());
    return Done{};
  }
  for (std::int64_t row = 0; row < v.width; ++row) {
    const float* from = whole.data() + row * 3 * places;
    float* to = rows + row * 3 * places;
    for (std::int64_t place = 0; place < places; ++place) {
      for (std::int64_t channel = 0; channel < 3; ++channel) to[channel * places + place] = from[place * 3 + channel];
    }
  }
  return Done{};
}

// The two frames' slices apart, as llama.cpp's files hold them.
Status Loader::SlicedPatch(float* rows) {
  const VisionConfig& v = *config_.vision;
  const std::int64_t side = v.patches.patch;
  const std::int64_t area = side * side;
  for (std::int64_t frame = 0; frame < 2; ++frame) {
    Buffer<float> slice;  // [Vh, 3, y, x]
    THIMBLE_RETURN_IF_ERROR(
        Vector(frame == 0 ? names::kPatch : names::kPatchSecond, 0, {v.width, 3, side, side}, &slice, true));
    if (counted_ != nullptr) continue;
    for (std::int64_t row = 0; row < v.width; ++row) {
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        std::memcpy(rows + (row * 6 + channel * 2 + frame) * area, slice.data() + (row * 3 + channel) * area,
                    static_cast<std::size_t>(area) * sizeof(float));
      }
    }
  }
  return Done{};
}

Status Loader::Vision(VisionWeights* out) {
  const VisionConfig& v = *config_.vision;
  THIMBLE_RETURN_IF_ERROR(VisionPatch(out));
  THIMBLE_RETURN_IF_ERROR(Vector(names::kPositions, 0,
                                 {static_cast<std::int64_t>(v.position_side) * v.position_side, v.width},
                                 &out->positions, true));
  out->blocks.resize(static_cast<std::size_t>(v.depth));
  for (int block = 0; block < v.depth; ++block)
    THIMBLE_RETURN_IF_ERROR(VisionBlock(block, &out->blocks[static_cast<std::size_t>(block)]));
  THIMBLE_RETURN_IF_ERROR(VisionNorm(names::kMergerNorm, 0, &out->merger_norm_weight, &out->merger_norm_bias));
  const std::int64_t merged = 4 * static_cast<std::int64_t>(v.width);
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kMergerFc1, 0, merged, merged, &out->merger_fc1, &out->merger_fc1_bias));
  return VisionPair(names::kMergerFc2, 0, v.out_width, merged, &out->merger_fc2, &out->merger_fc2_bias);
}

}  // namespace thimble
