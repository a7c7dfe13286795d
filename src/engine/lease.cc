// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_parts.h"

namespace thimble {

Result<std::unique_ptr<Lease>> Lease::Take(EngineParts* parts, const std::atomic<bool>* stop) {
  std::unique_ptr<Lease> lease(new Lease(parts, stop));
  THIMBLE_RETURN_IF_ERROR(lease->TakeAgain());
  return lease;
}

Lease::~Lease() { GiveBack(); }

void Lease::GiveBack() {
  if (!is_held_) return;
  is_held_ = false;
  parts_->pool->StopWhen(nullptr);
  parts_->workshop.Leave();
}

Status Lease::TakeAgain() {
  THIMBLE_RETURN_IF_ERROR(parts_->workshop.Enter(stop_));
  is_held_ = true;
  parts_->pool->StopWhen(stop_);
  return Done{};
}

}  // namespace thimble
