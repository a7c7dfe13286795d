// SPDX-License-Identifier: Apache-2.0
// Loader: reads what a weight plan lists, packs it or keeps the file's rows, and puts it where the plan says.
// For load.cc and loader.cc.
#pragma once

#include "model/config.h"
#include "model/load.h"
#include "model/pack_cache.h"
#include "model/tensor_finder.h"
#include "model/weight_form.h"
#include "model/weight_plan.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace thimble {

class Loader {
 public:
  // All must outlive this object.
  Loader(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options);

  // Text model and draft head, and the tower where the options or a pack cache want it.
  Result<Weights> Run();
  Result<std::shared_ptr<const VisionWeights>> RunTower();
  // For a whole pack of `file`, one of the two (write_pack.cc): packs a matrix that is in it, writes it and lets it go;
  // `packed` hears of the tensors that it was made from. Others, and those that stay as they are, are left alone.
  Status WriteMatrix(const ModelFile& file, const PlannedWeight& weight, PackWriter* writer,
                     std::unordered_set<const TensorEntry*>* packed);
  // What the options' progress is told as the whole.
  void ExpectBytes(std::uint64_t total) { total_ = total; }

 private:
  // One file holds text model and tower.
  [[nodiscard]] bool holds_both() const { return config_.vision.has_value() && vision_ == nullptr; }
  [[nodiscard]] bool is_gguf() const { return text_.format() == ModelFile::Format::kGguf; }

  Status TakeAll(const WeightPlan& plan);
  Status Take(const PlannedWeight& weight);

  Status Matrix(const PlannedWeight& weight, const FoundTensor& found);
  Status MlxMatrixOf(const PlannedWeight& weight, const FoundTensor& found);
  // Rows in a given form, without their factor.
  Status TakeMatrix(const FoundTensor& found, std::int64_t rows, std::int64_t cols, kernels::Family family,
                    PackedMatrix* out);
  Status JoinRows(const PlannedWeight& weight, std::span<const FoundTensor> pieces);

  // Tensors of any type as floats, one after the other.
  Status Floats(std::span<const FoundTensor> found, Buffer<float>* out);
  Status FloatsOf(const FoundTensor& found, std::span<float> out);
  Status TurnedFloats(const PlannedWeight& weight, std::span<const FoundTensor> found);
  Status Patch(const PlannedWeight& weight, std::span<const FoundTensor> found);

  Result<Bytes> Read(const FoundTensor& found) const;
  Result<float> ScaleOf(const FoundTensor& found) const;
  Status Advance(const FoundTensor& found);

  // From a whole pack's entry.
  Status FromPack(const FoundTensor& found, const PackedEntry& entry, const MatrixForm& form, std::int64_t rows,
                  std::int64_t cols, PackedMatrix* out);

  [[nodiscard]] bool LooksLikeMlx() const;
  void CheckNorms(const Weights& weights) const;
  void MendDraftNorms(MtpWeights* draft) const;

  void Note(std::string text) {
    if (options_.notes != nullptr) options_.notes->push_back(std::move(text));
  }
  void OpenCaches();
  [[nodiscard]] bool MustReadTower();
  [[nodiscard]] std::uint64_t BytesOfTower() const;
  [[nodiscard]] Status CheckTower() const;
  Result<std::shared_ptr<VisionWeights>> TakeTower();
  [[nodiscard]] PackCache* CacheOf(const ModelFile& file) {
    std::optional<PackCache>& cache = caches_[&file == &text_ ? 0 : 1];
    return cache.has_value() ? &*cache : nullptr;
  }
  Status CloseCache(PackCache* cache, bool may_write);

  const ModelFile& text_;
  const ModelFile* vision_;
  const ModelConfig& config_;
  const LoadOptions& options_;
  TensorFinder finder_;
  std::array<std::optional<PackCache>, 2> caches_;  // of the text file and of the vision file
  bool is_mlx_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace thimble
