// SPDX-License-Identifier: Apache-2.0
// ModelFile -> Weights: find each tensor by either family of names, check dtype and shape, pack or map it.
#pragma once

#include "files/model_file.h"
#include "model/config.h"
#include "model/pack_cache.h"
#include "model/unused_tensors.h"
#include "model/weights.h"
#include "ops/attention.h"
#include "ops/ops.h"

#include <functional>
#include <string>
#include <vector>

namespace thimble {

struct LoadOptions {
  ThreadPool* pool = nullptr;
  Precision precision = Precision::kFast;        // kExact: keeps the file's rows
  std::vector<std::string>* warnings = nullptr;  // what is odd but bearable; may be nullptr
  // Called with bytes done and bytes in all; returning false cancels (kCancelled). May be empty.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress;
  // With kFast: what the vision tower's float matrices are rounded to (kernels::PackedKernels::rounded_floats).
  kernels::Family tower_floats = kernels::Family::kFileRows;
  // With kFast: where packed matrices are kept from one start to the next.
  PackCacheOptions pack_cache = {};
  // Whether the vision tower is read too. Else its tables are checked all the same.
  bool reads_tower = true;
  std::vector<std::string>* notes = nullptr;  // what the pack cache did, a sentence each; may be nullptr
};

// Errors name the file and the tensor: missing, wrong shape (found and expected), unreadable type, truncated.
// File-backed matrices point into `text` / `vision`, which must outlive the weights.
Result<Weights> LoadWeights(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                            const LoadOptions& options);

// The vision tower alone. Errors as LoadWeights.
Result<std::shared_ptr<const VisionWeights>> LoadTower(const ModelFile& text, const ModelFile* vision,
                                                       const ModelConfig& config, const LoadOptions& options);

// Whether every tensor of the vision tower is there in the shape that `config` needs, and a vision file holds nothing
// that would change it; reads none of them. Errors as LoadWeights.
Status CheckVisionTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config);

// The error that LoadWeights would give for what the tables of the files say, without reading any tensor.
Status CheckTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config);

// Every tensor of the files that LoadWeights would not look at, with what it is known to be; reads none of them.
// model/unused_tensors.h says what to do with them.
std::vector<UnusedTensor> FindUnusedTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config);

struct MemoryNeeds {
  std::uint64_t weights_bytes = 0;  // packed copies in anonymous memory
  std::uint64_t mapped_bytes = 0;   // read through the file mapping: can be dropped by the system
  std::uint64_t kv_bytes = 0;       // for `context` tokens
  std::uint64_t state_bytes = 0;    // recurrent state and one checkpoint; the engine adds those that its sessions keep
  std::uint64_t activation_bytes = 0;
  std::uint64_t vision_bytes = 0;      // activations of a picture of `max_patches` patches
  std::uint64_t picture_bytes = 0;     // the engine's to fill in: pixels and rows of such a picture
  std::uint64_t vocabulary_bytes = 0;  // likewise: tokens and merges
  [[nodiscard]] std::uint64_t total() const {
    return weights_bytes + mapped_bytes + kv_bytes + state_bytes + activation_bytes + vision_bytes + picture_bytes +
           vocabulary_bytes;
  }
};
// Bytes of memory that the tower's weights take, without what is read through a mapping.
std::uint64_t TowerBytes(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                         const LoadOptions& options);
// What loading, a session of `context` tokens and pictures of `max_patches` patches will take on `num_threads` threads.
MemoryNeeds EstimateMemory(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                           Precision precision, KvType kv_type, kernels::Family tower_floats, int context,
                           std::int64_t max_patches, int num_threads);

}  // namespace thimble
