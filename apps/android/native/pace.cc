// SPDX-License-Identifier: Apache-2.0
#include "android/native/pace.h"

#include <algorithm>
#include <utility>

namespace thimble::android {

Pace::Pace(int most_threads, CpuTopology topology)
    : most_threads_(most_threads),
      topology_(std::move(topology)),
      processors_(ChooseProcessors(topology_, most_threads_, CoreWish::kFastest)) {}

std::optional<GovernorDecision> Pace::Take(const DeviceReadings& readings, PowerMode mode) {
  const MutexLock lock(&mutex_);
  const GovernorDecision decision =
      Govern(readings, mode, decision_.has_value() ? &*decision_ : nullptr, most_threads_);
  const bool is_other = decision_ != decision;
  decision_ = decision;
  processors_ = ChooseProcessors(topology_, decision.threads, decision.cores);
  Apply();
  return is_other ? decision_ : std::nullopt;
}

void Pace::SetEngine(const Engine& engine) {
  const MutexLock lock(&mutex_);
  engine_ = engine.weak_from_this();
  Apply();
}

void Pace::Apply() {
  const auto engine = engine_.lock();
  if (engine == nullptr) return;
  if (decision_.has_value()) engine->LimitThreads(decision_->threads);
  (void)engine->PlaceThreads(processors_);  // refused: tried again with the next readings
}

std::vector<int> Pace::processors() const {
  const MutexLock lock(&mutex_);
  return processors_;
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
