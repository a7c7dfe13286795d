// SPDX-License-Identifier: Apache-2.0
#include "android/native/pace.h"

#include <algorithm>

namespace thimble::android {

std::optional<GovernorDecision> Pace::Take(const DeviceReadings& readings, PowerMode mode) {
  const MutexLock lock(&mutex_);
  const GovernorDecision decision =
      Govern(readings, mode, decision_.has_value() ? &*decision_ : nullptr, most_threads_);
  if (decision_.has_value() && *decision_ == decision) return std::nullopt;
  decision_ = decision;
  Apply();
  return decision;
}

void Pace::SetEngine(const Engine& engine) {
  const MutexLock lock(&mutex_);
  engine_ = engine.weak_from_this();
  Apply();
}

void Pace::Apply() {
  const auto engine = engine_.lock();
  if (engine != nullptr && decision_.has_value()) engine->LimitThreads(decision_->threads);
}

void Pace::Temper(GenerateRequest* request) const {
  const MutexLock lock(&mutex_);
  if (!decision_.has_value() || !request->has_chat()) return;
  if (decision_->thinking.has_value()) {
    const int asked = request->think_budget.value_or(0);  // 0: no limit
    request->think_budget = asked > 0 ? std::min(asked, *decision_->thinking) : *decision_->thinking;
  }
  // Only what stands for all pictures: sizes that were decided before stay, or what was read is read anew.
  const Detail asked = request->detail.value_or(Detail::kHigh);
  if (decision_->detail == Detail::kLow) request->detail = Detail::kLow;
  if (decision_->detail == Detail::kAuto && asked != Detail::kLow) request->detail = Detail::kAuto;
}

bool Pace::is_stopped() const {
  const MutexLock lock(&mutex_);
  return decision_.has_value() && decision_->is_stopped;
}

double Pace::rest_seconds() const {
  const MutexLock lock(&mutex_);
  return decision_.has_value() ? decision_->pause_ms / 1000.0 : 0;
}

}  // namespace thimble::android
