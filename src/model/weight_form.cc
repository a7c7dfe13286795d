// SPDX-License-Identifier: Apache-2.0
#include "model/weight_form.h"

#include "base/text.h"
#include "files/tensor_table.h"
#include "files/whole_pack.h"

#include <algorithm>

namespace thimble {

kernels::Family FamilyFor(const LoadOptions& options, WeightPart part, DType dtype, std::int64_t cols) {
  if (options.precision == Precision::kExact) return kernels::Family::kFileRows;
  const kernels::Family family = kernels::FamilyFor(dtype, cols);
  const bool is_rounded =
      part == WeightPart::kTower && family == kernels::Family::kFileRows && cols % kernels::kBlock == 0;
  return is_rounded ? options.tower_floats : family;
}

kernels::Family MlxFamilyFor(const LoadOptions& options, WeightPart part, DType dtype, std::int64_t cols) {
  const kernels::Family family = FamilyFor(options, part, dtype, cols);
  const bool is_kept = options.precision == Precision::kExact || family != kernels::Family::kFileRows;
  return is_kept || cols % kernels::kBlock != 0 ? family : kernels::Family::kU8Flat;
}

DType JoinedType(std::span<const FoundTensor> pieces, std::int64_t cols) {
  const DType first = pieces.front().tensor->dtype;
  const bool is_alike =
      cols % TraitsOf(first).block_length == 0 && std::all_of(pieces.begin(), pieces.end(), [&](const auto& piece) {
        return piece.tensor->dtype == first && piece.scale_tensor == nullptr;
      });
  return is_alike ? first : DType::kF32;
}

Status CheckPackRevision(const ModelFile* file) {
  if (file == nullptr || file->pack() == nullptr) return Done{};
  const std::uint32_t revision = file->pack()->header().panel_revision;
  if (revision == kernels::kPanelRevision) return Done{};
  return Error{Code::kUnsupported, Cat("[load] ", file->path(), ": holds weights in layout ", revision,
                                       ", this program has ", kernels::kPanelRevision, ": import the model again")};
}

Status CheckPacked(const FoundTensor& found, const PackedEntry& entry, kernels::Family family) {
  if (entry.family == static_cast<std::uint32_t>(family)) return Done{};
  const std::string place = Cat("[load] ", found.file->path(), ": tensor ", QuoteName(entry.name));
  if (family == kernels::Family::kFileRows)
    return Error{
        Code::kUnsupported, Cat(place, " was packed, which loses its exact numbers"), {{Advice::kUseModelsFiles}}};
  return Error{Code::kUnsupported, Cat(place, " was packed for another processor: import the model again on this one")};
}

Status CheckPacked(const PlannedWeight& weight, std::span<const FoundTensor> found, const LoadOptions& options) {
  if (weight.kind != WeightKind::kMatrix || found.size() > 1 || found.front().mlx.has_value()) return Done{};
  const WholePack* pack = found.front().file->pack();
  const PackedEntry* entry = pack != nullptr ? pack->FindMatrix(found.front().tensor->name) : nullptr;
  if (entry == nullptr) return Done{};
  const std::int64_t cols = weight.whole.shapes.front()[1];
  return CheckPacked(found.front(), *entry, FamilyFor(options, weight.part, found.front().tensor->dtype, cols));
}

std::int64_t CountFloats(const FoundTensor& found) {
  if (!found.mlx.has_value()) return found.tensor->num_elements();
  return found.tensor->shape[0] * found.mlx->group * found.mlx->scales->shape[1];
}

namespace {

// Of a matrix that is no view of the file.
std::uint64_t OwnBytes(DType dtype, kernels::Family family, std::int64_t rows, std::int64_t cols) {
  if (family != kernels::Family::kFileRows) return PackedMatrix::PackedBytes(family, rows, cols);
  return static_cast<std::uint64_t>(rows) * RowBytes(dtype, static_cast<std::uint64_t>(cols));
}

}  // namespace

void AddNeeds(const PlannedWeight& weight, std::span<const FoundTensor> found, const LoadOptions& options,
              MemoryNeeds* needs) {
  if (weight.kind != WeightKind::kMatrix) {
    for (const FoundTensor& tensor : found)
      needs->weights_bytes += static_cast<std::uint64_t>(CountFloats(tensor)) * sizeof(float);
    return;
  }
  const std::int64_t rows = weight.whole.shapes.front()[0];
  const std::int64_t cols = weight.whole.shapes.front()[1];
  const FoundTensor& first = found.front();
  const WholePack* pack = first.file->pack();
  if (const PackedEntry* entry = pack != nullptr ? pack->FindMatrix(first.tensor->name) : nullptr; entry != nullptr) {
    needs->mapped_bytes += entry->size_bytes;
  } else if (found.size() > 1) {
    const DType dtype = JoinedType(found, cols);
    needs->weights_bytes += OwnBytes(dtype, FamilyFor(options, weight.part, dtype, cols), rows, cols);
  } else if (first.mlx.has_value()) {
    const DType dtype = MlxTypeFor(first.mlx->bits, first.mlx->group, cols);
    needs->weights_bytes += OwnBytes(dtype, MlxFamilyFor(options, weight.part, dtype, cols), rows, cols);
  } else if (const auto family = FamilyFor(options, weight.part, first.tensor->dtype, cols);
             family == kernels::Family::kFileRows) {
    needs->mapped_bytes += first.tensor->size_bytes;
  } else {
    needs->weights_bytes += PackedMatrix::PackedBytes(family, rows, cols);
  }
}

}  // namespace thimble
