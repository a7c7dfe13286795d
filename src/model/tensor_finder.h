// SPDX-License-Identifier: Apache-2.0
// TensorFinder: the tensors of a model's files that planned weights are made of, by whichever names the files have.
// Reads their tables only.
#pragma once

#include "files/model_file.h"
#include "model/mlx_affine.h"
#include "model/weight_plan.h"

#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace thimble {

struct FoundTensor {
  const ModelFile* file = nullptr;
  const TensorEntry* tensor = nullptr;
  std::optional<MlxTensors> mlx;              // where the tensor is a matrix of packed codes
  const TensorEntry* scale_tensor = nullptr;  // GGUF: one factor for the whole matrix
};

class TensorFinder {
 public:
  using LookedAt = std::unordered_set<const TensorEntry*>;

  // The files must outlive this object. `num_layers`: of the model without its draft head.
  TensorFinder(const ModelFile& text, const ModelFile* vision, int num_layers)
      : text_(text), vision_(vision), num_layers_(num_layers) {}

  // The tensors of `weight`: one, or as many as it has pieces. Errors name file and tensor: missing, of another shape,
  // of a type that is not read, a factor that cannot be applied. `looked_at` (may be nullptr) gets every tensor that
  // was looked at, also in the case of an error.
  [[nodiscard]] Result<std::vector<FoundTensor>> Find(const PlannedWeight& weight, LookedAt* looked_at = nullptr) const;

  // The first error that finding them gives.
  [[nodiscard]] Status CheckAll(const WeightPlan& plan) const;

  // The tensor by its name alone; nullptr where there is none.
  [[nodiscard]] const TensorEntry* Locate(const PlannedWeight& weight, const PlannedTensor& wanted) const;

  // The file that `part` lies in.
  [[nodiscard]] const ModelFile& FileOf(WeightPart part) const {
    return part == WeightPart::kTower && vision_ != nullptr ? *vision_ : text_;
  }
  // The file that holds the tensor: of a model of many parts, the part.
  static const std::string& PathOf(const FoundTensor& found) { return PathOf(*found.file, *found.tensor); }
  static const std::string& PathOf(const ModelFile& file, const TensorEntry& tensor);

 private:
  [[nodiscard]] bool IsCut(const PlannedWeight& weight) const;
  [[nodiscard]] std::string FullName(const PlannedWeight& weight, const PlannedTensor& wanted) const;
  [[nodiscard]] Result<FoundTensor> FindOne(const PlannedWeight& weight, const PlannedTensor& wanted,
                                            LookedAt* looked_at) const;

  const ModelFile& text_;
  const ModelFile* vision_;
  int num_layers_;
};

}  // namespace thimble
