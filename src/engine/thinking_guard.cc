// SPDX-License-Identifier: Apache-2.0
#include "engine/thinking_guard.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {
constexpr std::size_t kCheckEvery = 16;
constexpr std::size_t kLongestPeriod = 160;
constexpr std::size_t kRepeats = 4;         // times a stretch must stand in a row ...
constexpr std::size_t kLeastRepeated = 48;  // ... and tokens it must cover in all
constexpr std::size_t kWindow = 384;        // tokens over which n-grams are counted
constexpr std::size_t kGram = 6;
}  // namespace

ThinkingGuard::Verdict ThinkingGuard::Add(std::int32_t id) {
  ids_.push_back(id);
  if (budget_tokens_ > 0 && static_cast<int>(ids_.size()) >= budget_tokens_) return Verdict::kBudget;
  if (!watches_loops_ || ids_.size() % kCheckEvery != 0) return Verdict::kGoOn;
  return IsPeriodic() || IsRepetitive() ? Verdict::kLoop : Verdict::kGoOn;
}

// The last tokens are one stretch, kRepeats times or more in a row.
bool ThinkingGuard::IsPeriodic() const {
  const std::size_t size = ids_.size();
  for (std::size_t period = 1; period <= kLongestPeriod; ++period) {
    const std::size_t covered = std::max(kLeastRepeated, kRepeats * period);
    if (covered > size) return false;
    bool is_same = true;
    for (std::size_t i = size - covered + period; i < size && is_same; ++i) is_same = ids_[i] == ids_[i - period];
    if (is_same) return true;
  }
  return false;
}

// Fewer than a quarter of the window's n-grams are different ones: the same sentences in changing order.
bool ThinkingGuard::IsRepetitive() const {
  if (ids_.size() < kWindow) return false;
  std::array<std::uint64_t, kWindow - kGram + 1> grams{};
  const std::size_t first = ids_.size() - kWindow;
  for (std::size_t i = 0; i < grams.size(); ++i) {
    std::uint64_t hash = 1469598103934665603ull;
    for (std::size_t j = 0; j < kGram; ++j)
      hash = (hash ^ static_cast<std::uint32_t>(ids_[first + i + j])) * 1099511628211ull;
    grams[i] = hash;
  }
  std::sort(grams.begin(), grams.end());
  const auto distinct = static_cast<std::size_t>(std::unique(grams.begin(), grams.end()) - grams.begin());
  return distinct * 4 < grams.size();
}

}  // namespace thimble
