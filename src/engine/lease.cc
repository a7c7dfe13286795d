// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_parts.h"

namespace thimble {

namespace {

// How long a wait goes on without looking whether it was cancelled (which may happen in a signal handler, where nobody
// can be woken).
constexpr double kLookAgainSeconds = 0.02;

// An address that only this thread has.
const void* ThisThread() {
  static thread_local char mark = 0;
  return &mark;
}

}  // namespace

Result<std::unique_ptr<Lease>> Lease::Take(EngineParts* parts, const std::atomic<bool>* stop) {
  if (parts->holder.load(std::memory_order_relaxed) == ThisThread()) {
    return Error{Code::kInvalid,
                 "[engine] this was called by a listener whose caller still computes: call it when that has returned"};
  }
  std::unique_ptr<Lease> lease(new Lease(parts, stop));
  THIMBLE_RETURN_IF_ERROR(lease->TakeAgain());
  return lease;
}

Lease::~Lease() { GiveBack(); }

void Lease::GiveBack() {
  if (!is_held_) return;
  is_held_ = false;
  parts_->pool->StopWhen(nullptr);
  parts_->holder.store(nullptr, std::memory_order_relaxed);
  parts_->mutex.Unlock();
}

Status Lease::TakeAgain() {
  const auto is_stopped = [this] { return stop_ != nullptr && stop_->load(std::memory_order_relaxed); };
  while (!is_stopped()) {
    if (!parts_->mutex.LockWithin(kLookAgainSeconds)) continue;
    is_held_ = true;
    parts_->holder.store(ThisThread(), std::memory_order_relaxed);
    parts_->pool->StopWhen(stop_);
    return Done{};
  }
  return Error{Code::kCancelled, "[engine] cancelled"};
}

}  // namespace thimble
