// SPDX-License-Identifier: Apache-2.0
// TaskSplit: a line of equal units cut into tasks that get shorter towards its end.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace thimble {

// Every round hands one task a thread to a pool that gives tasks to whoever is free. The first tasks are nearly a fair
// share: few meetings, long reads. Each round takes the same part of what is left, so the last tasks are short and
// threads that were slow, late or held up do not keep the others waiting. Which units a task has depends on the thread
// count; results must not.
class TaskSplit {
 public:
  // `num_units` >= 0 into tasks of at least `least` >= 1 units (the last may be shorter) and at most `most` >= `least`,
  // for `num_threads` >= 1 with ThreadPool::slowest_share(). One thread gets one task, if `most` allows.
  TaskSplit(std::int64_t num_units, std::int64_t least, int num_threads, double slowest_share,
            std::int64_t most = std::numeric_limits<std::int64_t>::max());

  [[nodiscard]] int num_tasks() const { return num_tasks_; }
  // First unit of `task` in [0, num_tasks()]; num_units for the last of these.
  [[nodiscard]] std::int64_t Start(int task) const;

 private:
  struct Round {
    int first_task;
    std::int64_t first_unit;
    std::int64_t units;  // a task
  };
  static constexpr int kMostRounds = 32;

  std::int64_t num_units_;
  int num_tasks_ = 0;
  int num_rounds_ = 0;
  std::array<Round, kMostRounds> rounds_;
};

}  // namespace thimble
