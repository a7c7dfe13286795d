// SPDX-License-Identifier: Apache-2.0
// Loader: finds, checks and takes over the tensors of one model; or only counts what that would take, or notes which
// tensors it would take. For load.cc and load_vision.cc.
#pragma once

#include "model/config.h"
#include "model/load.h"
#include "model/mlx_affine.h"
#include "model/names.h"
#include "model/pack_cache.h"
#include "model/weights.h"
#include "sys/byte_source.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

namespace thimble {

class Loader {
 public:
  Loader(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options)
      : text_(text), vision_(vision), config_(config), options_(options) {
    total_ = text.total_bytes() + (vision != nullptr ? vision->total_bytes() : 0);
  }

  Result<Weights> Run();
  // Adds the bytes of every tensor that Run would take over, up to the first that is missing, which is the error.
  Status Count(MemoryNeeds* needs) {
    counted_ = needs;
    auto weights = Run();
    return weights.ok() ? Status(Done{}) : weights.error();
  }
  Status CheckVision() {
    MemoryNeeds needs;
    counted_ = &needs;
    VisionWeights weights;
    return Vision(&weights);
  }
  // Every tensor that Run would look at, whatever is missing or misshapen beside it. Reads none of them.
  using Claims = std::unordered_set<const TensorEntry*>;
  void Claim(Claims* claims) {
    MemoryNeeds needs;
    counted_ = &needs;
    claims_ = claims;
    (void)Run();
  }

 private:
  // In place of a layer's number: the layer of the MTP head.
  static constexpr int kMtpLayer = -1;

  struct Found {
    const ModelFile* file;
    const TensorEntry* tensor;
    std::optional<MlxTensors> mlx;              // where the tensor is a matrix of packed codes
    const TensorEntry* scale_tensor = nullptr;  // GGUF: one factor for the whole matrix
  };

  [[nodiscard]] bool is_gguf() const { return text_.format() == ModelFile::Format::kGguf; }
  // The file that holds the vision tower, and how it names its weights.
  [[nodiscard]] const ModelFile& tower() const { return vision_ != nullptr ? *vision_ : text_; }
  static std::string ShapeOf(const std::vector<std::int64_t>& shape);
  // The file that holds the tensor: of a model of many parts, the part.
  static const std::string& PathOf(const ModelFile& file, const TensorEntry& tensor);
  [[nodiscard]] std::string FullName(const WeightName& name, int layer, bool is_vision) const;
  [[nodiscard]] const TensorEntry* Locate(const WeightName& name, int layer, bool is_vision) const;
  // A tensor whose dimensions, ones left out, are one of `shapes` (the first is what messages name).
  Result<Found> Find(const WeightName& name, int layer, const std::vector<std::vector<std::int64_t>>& shapes,
                     bool is_vision);
  void TakeClaim(const TensorEntry* tensor) {
    if (claims_ != nullptr && tensor != nullptr) claims_->insert(tensor);
  }
  Status FindScale(Found* found);
  Result<float> ScaleOf(const Found& found) const;

  // The tensor's bytes; a file without memory of its own is read, and what was read goes with the result.
  Result<Bytes> BytesOf(const Found& found) const;
  Status Advance(const Found& found);
  Status Progress() const;

  Status Matrix(const WeightName& name, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* out,
                bool is_vision = false);
  Status TakeMatrix(const Found& found, std::int64_t rows, std::int64_t cols, kernels::Family family,
                    PackedMatrix* out);
  Status MlxMatrixOf(const Found& found, std::int64_t rows, std::int64_t cols, bool is_vision, PackedMatrix* out);
  [[nodiscard]] kernels::Family FamilyOf(DType dtype, std::int64_t cols, bool is_vision) const;
  // A small tensor of any type as floats.
  Status Vector(const WeightName& name, int layer, const std::vector<std::int64_t>& shape, Buffer<float>* out,
                bool is_vision = false);
  Status FloatsOf(const Found& found, Buffer<float>* out);
  Status Norm(const WeightName& name, int layer, std::int64_t size, Buffer<float>* out);

  void Note(std::string text) {
    if (options_.notes != nullptr) options_.notes->push_back(std::move(text));
  }
  Status Screen(Weights* weights);
  void OpenCaches();
  [[nodiscard]] PackCache* CacheOf(const ModelFile& file) {
    std::optional<PackCache>& cache = caches_[&file == &text_ ? 0 : 1];
    return cache.has_value() ? &*cache : nullptr;
  }
  Status CloseCaches(Weights* weights);

  [[nodiscard]] bool LooksLikeMlx() const;
  void CheckNorms(const Weights& weights) const;
  Status Attention(int layer, AttentionWeights* out);
  Status Convolution(int layer, Buffer<float>* out);
  Status Delta(int layer, DeltaWeights* out);
  Status Layer(int layer, LayerKind kind, LayerWeights* out);
  Status Mtp(MtpWeights* out);

  // load_vision.cc
  Status Vision(VisionWeights* out);
  Status VisionBlock(int block, VisionBlockWeights* out);
  Status VisionQkv(int block, VisionBlockWeights* out);
  Status JoinRows(const std::vector<Found>& parts, std::int64_t width, PackedMatrix* out);
  Status VisionPair(const WeightName& stem, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* weight,
                    Buffer<float>* bias);
  Status VisionNorm(const WeightName& stem, int layer, Buffer<float>* weight, Buffer<float>* bias);
  Status VisionPatch(VisionWeights* out);
  Status WholePatch(float* rows);
  Status SlicedPatch(float* rows);

  const ModelFile& text_;
  const ModelFile* vision_;
  const ModelConfig& config_;
  const LoadOptions& options_;
  std::array<std::optional<PackCache>, 2> caches_;  // of the text file and of the vision file
  MemoryNeeds* counted_ = nullptr;                  // not nullptr: nothing is read, only added up
  Claims* claims_ = nullptr;                        // not nullptr: and what is found is noted, what is not is no error
  bool is_mlx_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace thimble
