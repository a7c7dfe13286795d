// SPDX-License-Identifier: Apache-2.0
#include "model/vision_tower.h"

#include <atomic>
#include <optional>
#include <utility>

namespace thimble {

VisionTower::VisionTower(std::shared_ptr<const ModelFile> text, std::shared_ptr<const ModelFile> vision,
                         const ModelConfig& config, LoadOptions options, std::shared_ptr<const VisionWeights> weights)
    : text_(std::move(text)),
      vision_(std::move(vision)),
      config_(config),
      options_(std::move(options)),
      weights_(std::move(weights)) {
  options_.pool = nullptr;
  options_.progress = {};
  options_.warnings = nullptr;
  options_.notes = nullptr;
  bytes_ = TowerBytes(*text_, vision_.get(), config_, options_);
}

Result<std::shared_ptr<const VisionWeights>> VisionTower::Get(ThreadPool* pool,
                                                              const std::function<bool()>& keep_going) {
  const MutexLock lock(&mutex_);
  if (weights_ != nullptr) return weights_;
  LoadOptions options = options_;
  options.pool = pool;
  const std::atomic<bool>* stop = pool != nullptr ? pool->stop() : nullptr;
  options.progress = [&](std::uint64_t, std::uint64_t) {
    return (stop == nullptr || !stop->load(std::memory_order_relaxed)) && (!keep_going || keep_going());
  };
  // A stopped pool leaves out tasks: being stopped is seen between tensors, not in one.
  std::optional<UnstoppableScope> every_task;
  if (pool != nullptr) every_task.emplace(pool);
  THIMBLE_ASSIGN_OR_RETURN(auto weights, LoadTower(*text_, vision_.get(), config_, options));
  // The model was opened a while ago.
  THIMBLE_RETURN_IF_ERROR((vision_ != nullptr ? vision_ : text_)->CheckUnchanged());
  weights_ = std::move(weights);
  return weights_;
}

std::uint64_t VisionTower::bytes_to_read() const {
  const MutexLock lock(&mutex_);
  return weights_ == nullptr ? bytes_ : 0;
}

void VisionTower::GiveBack() {
  const MutexLock lock(&mutex_);
  weights_ = nullptr;
}

}  // namespace thimble
