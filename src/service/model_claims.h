// SPDX-License-Identifier: Apache-2.0
// ModelClaims: who is at which model of a store. Any thread.
#pragma once

#include "base/thread_annotations.h"
#include "sys/mutex.h"

#include <memory>
#include <set>
#include <string>
#include <utility>

namespace thimble::service {

class ModelClaims {
 public:
  // As long as it lives, nobody else sends, packs or deletes this model.
  class Claim {
   public:
    Claim(ModelClaims* claims, std::string model) : claims_(claims), model_(std::move(model)) {}
    ~Claim() {
      const MutexLock lock(&claims_->mutex_);
      claims_->models_.erase(model_);
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    ModelClaims* claims_;
    std::string model_;
  };

  // nullptr: somebody has it. A claim does not outlive this.
  [[nodiscard]] std::unique_ptr<Claim> Try(const std::string& model) {
    const MutexLock lock(&mutex_);
    if (!models_.insert(model).second) return nullptr;
    return std::make_unique<Claim>(this, model);
  }
  [[nodiscard]] bool Has(const std::string& model) const {
    const MutexLock lock(&mutex_);
    return models_.contains(model);
  }

 private:
  mutable Mutex mutex_;
  std::set<std::string> models_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble::service
