// SPDX-License-Identifier: Apache-2.0
#include "engine/memory_budget.h"

#include "base/text.h"
#include "sys/machine.h"

#include <utility>

namespace thimble {

Error Shortage::Say(std::string_view place, std::string_view what, std::vector<Advice> advice) const {
  return Error{Code::kExhausted,
               Cat("[", place, "] ", what, " needs ", FormatBytes(needed), ", ", FormatBytes(free), " free"),
               std::move(advice)};
}

MemoryBudget::MemoryBudget(Gauge gauge) : gauge_(gauge ? std::move(gauge) : Gauge(AvailableMemoryBytes)) {}

std::optional<Shortage> MemoryBudget::Compare(std::uint64_t bytes) const {
  const std::uint64_t free = gauge_();
  if (free == 0) return std::nullopt;
  const std::uint64_t left = free > promised_ ? free - promised_ : 0;
  if (bytes <= left) return std::nullopt;
  return Shortage{bytes, left};
}

std::optional<Shortage> MemoryBudget::Ask(std::uint64_t bytes, std::uint64_t promised, Promise* promise) {
  for (bool may_save = give_back_ != nullptr;; may_save = false) {
    {
      const MutexLock lock(&mutex_);
      const auto shortage = Compare(bytes);
      if (!shortage.has_value() && promise != nullptr) {
        promise->budget_ = this;
        promise->bytes_ = promised;
        promised_ += promised;
      }
      if (!shortage.has_value() || !may_save) return shortage;
    }
    give_back_();
  }
}

void MemoryBudget::Promise::Set(std::uint64_t bytes) {
  if (budget_ == nullptr) return;
  const MutexLock lock(&budget_->mutex_);
  budget_->promised_ += bytes;
  budget_->promised_ -= bytes_;
  bytes_ = bytes;
}

std::uint64_t MemoryBudget::promised() const {
  const MutexLock lock(&mutex_);
  return promised_;
}

std::optional<Advice> ContextThatFits(const Shortage& shortage, std::uint64_t context_bytes, std::int64_t context) {
  constexpr std::int64_t kStep = 1024;
  const std::uint64_t fixed = shortage.needed - context_bytes;
  if (context_bytes == 0 || context <= 0 || fixed >= shortage.free) return std::nullopt;
  const double per_token = static_cast<double>(context_bytes) / static_cast<double>(context);
  const auto fitting =
      static_cast<std::int64_t>(static_cast<double>(shortage.free - fixed) / per_token) / kStep * kStep;
  if (fitting < kStep) return std::nullopt;
  return Advice{Advice::kLowerContext, fitting};
}

}  // namespace thimble
