// SPDX-License-Identifier: Apache-2.0
#include "ops/task_split.h"

#include "base/check.h"

#include <algorithm>

namespace thimble {

namespace {

// Of equal cores one is sometimes held up; of unequal ones the slowest must finish its first task before the rest is
// done. Measured with a second thread of the same, half and a quarter of the speed (docs/decisions.md).
constexpr double kMostOfShare = 0.75;
constexpr double kLeastOfShare = 0.125;
// The tail that a task of this part of a thread's share can leave does not matter.
constexpr int kLastTasks = 64;

}  // namespace

TaskSplit::TaskSplit(std::int64_t num_units, std::int64_t least, int num_threads, double slowest_share,
                     std::int64_t most)
    : num_units_(num_units) {
  THIMBLE_DCHECK(num_units >= 0 && least >= 1 && most >= least && num_threads >= 1);
  const double part = num_threads == 1 ? 1.0 : std::clamp(kMostOfShare * slowest_share, kLeastOfShare, kMostOfShare);
  least = std::max(least, std::min(most, num_units / (std::int64_t{kLastTasks} * num_threads)));
  for (std::int64_t at = 0; at < num_units;) {
    const std::int64_t left = num_units - at;
    std::int64_t units = static_cast<std::int64_t>(part * static_cast<double>(left)) / num_threads;
    std::int64_t count = num_threads;
    if (units > most) {
      // As many rounds at once of the longest tasks as it takes until the part of what is left is no longer too long.
      const auto enough = static_cast<std::int64_t>(static_cast<double>(most) * num_threads / part);
      units = most;
      count = std::max<std::int64_t>(1, (left - enough) / (units * num_threads)) * num_threads;
      count = std::min(count, (left + units - 1) / units);
    } else if (units <= least || num_rounds_ + 1 == kMostRounds) {
      units = std::min(least, left);
      count = (left + units - 1) / units;
    }
    rounds_[static_cast<std::size_t>(num_rounds_++)] = {num_tasks_, at, units};
    num_tasks_ += static_cast<int>(count);
    at += count * units;
  }
}

std::int64_t TaskSplit::Start(int task) const {
  THIMBLE_DCHECK(task >= 0 && task <= num_tasks_);
  if (task == num_tasks_) return num_units_;
  int round = num_rounds_ - 1;
  while (rounds_[static_cast<std::size_t>(round)].first_task > task) --round;
  const Round& found = rounds_[static_cast<std::size_t>(round)];
  return found.first_unit + (task - found.first_task) * found.units;
}

}  // namespace thimble
