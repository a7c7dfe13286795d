// SPDX-License-Identifier: Apache-2.0
// What the tables of a model's files tell before any weight is read: whether loading will find everything, what it will
// take, and what it will leave lying.
#include "model/config_limits.h"
#include "model/decoder.h"
#include "model/load.h"
#include "model/scratch.h"
#include "model/state.h"
#include "model/tensor_finder.h"
#include "model/vision.h"
#include "model/weight_form.h"
#include "model/weight_plan.h"

#include <functional>

namespace thimble {

namespace {

// Calls `visit` for every weight of `config`, in the order of loading, until it says that this is enough.
void ForEachWeight(const ModelConfig& config, const std::function<bool(const PlannedWeight&)>& visit) {
  Weights weights;
  for (const PlannedWeight& weight : PlanWeights(config, &weights)) {
    if (!visit(weight)) return;
  }
  if (!config.vision.has_value()) return;
  VisionWeights tower;
  for (const PlannedWeight& weight : PlanTower(*config.vision, &tower)) {
    if (!visit(weight)) return;
  }
}

// Adds what the weights will take, up to the first that is missing.
void AddWeightNeeds(const TensorFinder& finder, const ModelConfig& config, const LoadOptions& options,
                    MemoryNeeds* needs) {
  ForEachWeight(config, [&](const PlannedWeight& weight) {
    const auto found = finder.Find(weight);
    if (!found.ok()) return false;
    AddNeeds(weight, found.value(), options, needs);
    return true;
  });
}

}  // namespace

Status CheckTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  THIMBLE_RETURN_IF_ERROR(CheckPackRevision(&text));
  THIMBLE_RETURN_IF_ERROR(CheckPackRevision(vision));
  const TensorFinder finder(text, vision, config.num_layers());
  Weights weights;
  THIMBLE_RETURN_IF_ERROR(finder.CheckAll(PlanWeights(config, &weights)));
  if (!config.vision.has_value()) return Done{};
  VisionWeights tower;
  return finder.CheckAll(PlanTower(*config.vision, &tower));
}

Status CheckVisionTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  THIMBLE_RETURN_IF_ERROR(CheckPackRevision(vision != nullptr ? vision : &text));
  const TensorFinder finder(text, vision, config.num_layers());
  VisionWeights tower;
  THIMBLE_RETURN_IF_ERROR(finder.CheckAll(PlanTower(*config.vision, &tower)));
  if (vision == nullptr) return Done{};
  // What lies in a vision file beside the tower and would change it, is a fault of that file.
  std::vector<UnusedTensor> unused = FindUnusedTensors(text, vision, config);
  std::erase_if(unused, [&](const UnusedTensor& tensor) { return tensor.path != vision->path(); });
  return CheckUnused(unused);
}

std::vector<UnusedTensor> FindUnusedTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  const TensorFinder finder(text, vision, config.num_layers());
  TensorFinder::LookedAt looked_at;
  ForEachWeight(config, [&](const PlannedWeight& weight) {
    (void)finder.Find(weight, &looked_at);
    return true;
  });
  std::vector<UnusedTensor> unused;
  for (const ModelFile* file : {&text, vision}) {
    if (file == nullptr) continue;
    for (const TensorEntry& tensor : file->tensors()) {
      if (!looked_at.contains(&tensor))
        unused.push_back(JudgeUnused(tensor.name, *file, file == vision, vision, config));
    }
  }
  return unused;
}

std::uint64_t TowerBytes(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                         const LoadOptions& options) {
  const TensorFinder finder(text, vision, config.num_layers());
  MemoryNeeds needs;
  VisionWeights tower;
  for (const PlannedWeight& weight : PlanTower(*config.vision, &tower)) {
    if (const auto found = finder.Find(weight); found.ok()) AddNeeds(weight, found.value(), options, &needs);
  }
  return needs.weights_bytes;
}

MemoryNeeds EstimateMemory(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                           Precision precision, KvType kv_type, kernels::Family tower_floats, int context,
                           std::int64_t max_patches, int num_threads) {
  MemoryNeeds needs;
  LoadOptions options;
  options.precision = precision;
  options.tower_floats = tower_floats;
  AddWeightNeeds(TensorFinder(text, vision, config.num_layers()), config, options, &needs);
  needs.kv_bytes = DecoderState::KvBytes(config, context, kv_type);
  // The state and one checkpoint of half its size.
  needs.state_bytes = DecoderState::RecurrentBytes(config) * 3 / 2;
  needs.activation_bytes = Scratch::BytesNeeded(config, Decoder::kMaxRows, num_threads);
  if (config.vision.has_value() && max_patches > 0)
    needs.vision_bytes = VisionScratchBytes(*config.vision, max_patches, num_threads);
  return needs;
}

}  // namespace thimble
