// SPDX-License-Identifier: Apache-2.0
// A whole model: its plan, what is made of the weights besides, and the pack caches around it.
#include "model/load.h"

#include "base/text.h"
#include "kernels/pack.h"
#include "model/config_limits.h"
#include "model/loader.h"
#include "model/weight_form.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace thimble {

namespace {

float MeanOf(const Buffer<float>& values) {
  double sum = 0;
  for (const float value : values.span()) sum += static_cast<double>(value);
  return values.empty() ? 0.0F : static_cast<float>(sum / static_cast<double>(values.size()));
}

}  // namespace

Loader::Loader(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options)
    : text_(text), vision_(vision), config_(config), options_(options), finder_(text, vision, config.num_layers()) {}

// MLX checkpoints hold the norms' full factors, and the convolution's middle dimension last (spec 9.6); its numbers lie
// in the same order either way.
bool Loader::LooksLikeMlx() const {
  if (is_gguf() || config_.conv_taps < 2) return false;
  for (int layer = 0; layer < config_.num_layers(); ++layer) {
    if (config_.layers[static_cast<std::size_t>(layer)] != LayerKind::kDelta) continue;
    const TensorEntry* conv = FindHfText(text_, NameOfLayer(names::kDeltaConv.hf, layer));
    return conv != nullptr && conv->shape.size() == 3 && conv->shape[1] == config_.conv_taps && conv->shape[2] == 1;
  }
  return false;
}

void Loader::CheckNorms(const Weights& weights) const {
  if (std::fabs(MeanOf(weights.layers.front().mixer_norm) - 2.0F) > 0.25F) return;
  Warn(options_.warnings,
       "the norm weights' mean is near 2: this file was probably converted twice (from MLX) and will answer nonsense");
}

// Hand-made files exist whose MTP norms were not shifted by one (spec 4.4).
void Loader::MendDraftNorms(MtpWeights* draft) const {
  if (!is_gguf() || std::fabs(MeanOf(draft->embedding_norm)) >= 0.5F) return;
  Warn(options_.warnings, "the MTP layer's norms look unshifted (mean near 0 instead of 1): one is added to them");
  for (Buffer<float>* norm :
       {&draft->embedding_norm, &draft->hidden_norm, &draft->final_norm, &draft->layer.mixer_norm,
        &draft->layer.mlp_norm, &draft->layer.attention->q_norm, &draft->layer.attention->k_norm}) {
    for (float& value : norm->span()) value += 1.0F;
  }
}

void Loader::OpenCaches() {
  if (options_.precision == Precision::kExact || options_.pack_cache.use == PackCacheUse::kOff) return;
  const auto open = [this](const ModelFile& file, bool has_tower) {
    if (file.pack() != nullptr) return;  // holds everything packed itself
    const std::string_view variant = has_tower ? PackVariantFor(options_.tower_floats) : kPackVariant;
    caches_[&file == &text_ ? 0 : 1].emplace(file, variant, options_.pack_cache, options_.pool);
  };
  open(text_, holds_both());
  if (vision_ != nullptr) open(*vision_, true);
}

// Notes what was read, and writes what was missing. Only being cancelled is an error.
Status Loader::CloseCache(PackCache* cache, bool may_write) {
  if (cache == nullptr) return Done{};
  if (cache->hold() != nullptr) Note(Cat("pack cache: ", FormatBytes(cache->found_bytes()), " from ", cache->place()));
  if (!cache->needs_writing() || !may_write) return Done{};
  const Status status = cache->Write([this] { return !options_.progress || options_.progress(total_, total_); });
  if (!status.ok() && status.error().code == Code::kCancelled) return status;
  Note(status.ok() ? Cat("pack cache: written to ", cache->place())
                   : Cat("pack cache: not written: ", status.error().message));
  return Done{};
}

Status Loader::TakeAll(const WeightPlan& plan) {
  for (const PlannedWeight& weight : plan) THIMBLE_RETURN_IF_ERROR(Take(weight));
  return Done{};
}

// A pack cache is made of all weights of its file at once.
bool Loader::MustReadTower() {
  if (!config_.vision.has_value()) return false;
  const PackCache* cache = CacheOf(finder_.FileOf(WeightPart::kTower));
  if (options_.reads_tower || cache == nullptr) return options_.reads_tower;
  return cache->is_to_be_made() || (holds_both() && cache->needs_writing());
}

// Of its tensors in the file.
std::uint64_t Loader::BytesOfTower() const {
  VisionWeights tower;
  std::uint64_t sum = 0;
  for (const PlannedWeight& weight : PlanTower(*config_.vision, &tower)) {
    const auto found = finder_.Find(weight);
    if (!found.ok()) continue;
    for (const FoundTensor& tensor : found.value()) sum += tensor.tensor->size_bytes;
  }
  return std::min(sum, text_.total_bytes());
}

Result<std::shared_ptr<VisionWeights>> Loader::TakeTower() {
  auto tower = std::make_shared<VisionWeights>();
  THIMBLE_RETURN_IF_ERROR(TakeAll(PlanTower(*config_.vision, tower.get())));
  if (PackCache* cache = CacheOf(finder_.FileOf(WeightPart::kTower)); cache != nullptr)
    tower->pack_cache = cache->hold();
  return tower;
}

// What the tables tell of a tower that is read later.
Status Loader::CheckTower() const {
  VisionWeights tower;
  for (const PlannedWeight& weight : PlanTower(*config_.vision, &tower)) {
    THIMBLE_ASSIGN_OR_RETURN(const std::vector<FoundTensor> found, finder_.Find(weight));
    THIMBLE_RETURN_IF_ERROR(CheckPacked(weight, found, options_));
  }
  return Done{};
}

Result<Weights> Loader::Run() {
  THIMBLE_RETURN_IF_ERROR(CheckPackRevision(&text_));
  THIMBLE_RETURN_IF_ERROR(CheckPackRevision(vision_));
  Weights weights;
  OpenCaches();
  is_mlx_ = LooksLikeMlx();
  total_ = text_.total_bytes();
  if (vision_ != nullptr && MustReadTower()) total_ += vision_->total_bytes();
  if (holds_both() && !MustReadTower()) total_ -= BytesOfTower();
  const WeightPlan plan = PlanWeights(config_, &weights);
  THIMBLE_RETURN_IF_ERROR(TakeAll(plan));
  CheckNorms(weights);
  if (weights.mtp.has_value()) MendDraftNorms(&*weights.mtp);
  if (MustReadTower()) {
    THIMBLE_ASSIGN_OR_RETURN(weights.vision, TakeTower());
  } else if (config_.vision.has_value()) {
    THIMBLE_RETURN_IF_ERROR(CheckTower());
  }
  if (options_.progress && !options_.progress(total_, total_)) return Error{Code::kCancelled, "[load] cancelled"};
  for (std::optional<PackCache>& cache : caches_) {
    if (!cache.has_value()) continue;
    if (cache->hold() != nullptr) weights.pack_caches.push_back(cache->hold());
    THIMBLE_RETURN_IF_ERROR(CloseCache(&*cache, true));
  }
  return weights;
}

Result<std::shared_ptr<const VisionWeights>> Loader::RunTower() {
  OpenCaches();
  total_ = finder_.FileOf(WeightPart::kTower).total_bytes();
  THIMBLE_ASSIGN_OR_RETURN(std::shared_ptr<VisionWeights> tower, TakeTower());
  // The text model's part of a cache of both is not at hand.
  THIMBLE_RETURN_IF_ERROR(CloseCache(CacheOf(finder_.FileOf(WeightPart::kTower)), !holds_both()));
  return std::shared_ptr<const VisionWeights>(std::move(tower));
}

Result<std::shared_ptr<const VisionWeights>> LoadTower(const ModelFile& text, const ModelFile* vision,
                                                       const ModelConfig& config, const LoadOptions& options) {
  return Loader(text, vision, config, options).RunTower();
}

Result<Weights> LoadWeights(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                            const LoadOptions& options) {
  return Loader(text, vision, config, options).Run();
}

}  // namespace thimble
