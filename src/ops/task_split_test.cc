// SPDX-License-Identifier: Apache-2.0
#include "ops/task_split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace thimble {
namespace {

std::vector<std::int64_t> Lengths(const TaskSplit& split) {
  std::vector<std::int64_t> lengths;
  for (int task = 0; task < split.num_tasks(); ++task) lengths.push_back(split.Start(task + 1) - split.Start(task));
  return lengths;
}

TEST(TaskSplit, CoversTheLineOnceAndGetsShorter) {
  for (const std::int64_t num_units : {0, 1, 2, 3, 7, 64, 448, 1000, 15516, 1 << 30}) {
    for (const std::int64_t least : {1, 2, 7, 5000}) {
      for (const int threads : {1, 2, 3, 8, 64, 1024}) {
        for (const double share : {1.0, 0.5, 0.01, 0.0, 7.0}) {
          const TaskSplit split(num_units, least, threads, share);
          const std::vector<std::int64_t> lengths = Lengths(split);
          EXPECT_EQ(split.Start(split.num_tasks()), num_units);
          std::int64_t sum = 0;
          for (std::size_t i = 0; i < lengths.size(); ++i) {
            EXPECT_GE(lengths[i], i + 1 < lengths.size() ? least : 1);
            EXPECT_LE(lengths[i], lengths[i > 0 ? i - 1 : 0]);
            sum += lengths[i];
          }
          EXPECT_EQ(sum, num_units);
          EXPECT_LE(split.num_tasks(), threads * 100);
        }
      }
    }
  }
}

TEST(TaskSplit, OneThreadGetsOneTask) {
  EXPECT_EQ(Lengths(TaskSplit(1000, 1, 1, 1.0)), std::vector<std::int64_t>{1000});
}

TEST(TaskSplit, NoTaskIsLongerThanTheMost) {
  for (const std::int64_t num_units : {0, 1, 7, 1000, 15516, 1 << 22}) {
    for (const std::int64_t most : {5, 9, 700, 1 << 30}) {
      for (const int threads : {1, 2, 8}) {
        const TaskSplit split(num_units, 5, threads, 0.9, most);
        const std::vector<std::int64_t> lengths = Lengths(split);
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
          EXPECT_GE(lengths[i], i + 1 < lengths.size() ? 5 : 1);
          EXPECT_LE(lengths[i], most);
          EXPECT_LE(lengths[i], lengths[i > 0 ? i - 1 : 0]);
          sum += lengths[i];
        }
        EXPECT_EQ(sum, num_units);
      }
    }
  }
  // Short ones at the end all the same.
  EXPECT_EQ(Lengths(TaskSplit(64, 1, 2, 1.0, 10)), (std::vector<std::int64_t>{10, 10, 10, 10, 9, 9, 2, 2, 1, 1}));
}

TEST(TaskSplit, EqualCoresBeginWithThreeQuartersOfTheirShare) {
  EXPECT_EQ(Lengths(TaskSplit(64, 1, 2, 1.0)), (std::vector<std::int64_t>{24, 24, 6, 6, 1, 1, 1, 1}));
}

// List scheduling, as the pool does it: whoever is free first takes the next task. With cores whose speeds the split
// was told, all end at about the same time, and never later than fair shares of all but one core would.
TEST(TaskSplit, UnequalCoresEndTogether) {
  for (const std::vector<double>& speeds :
       {std::vector<double>{1, 1}, {1, 0.5}, {1, 0.25}, {1, 0.8, 0.8, 0.8, 0.25, 0.25, 0.25, 0.25}}) {
    double sum = 0;
    for (const double speed : speeds) sum += speed;
    const double slowest = *std::min_element(speeds.begin(), speeds.end());
    const auto threads = static_cast<int>(speeds.size());
    const TaskSplit split(1000, 1, threads, slowest * threads / sum);
    // The slowest takes its task first: the worst order.
    std::vector<double> free_at(speeds.size(), 0);
    std::vector<std::size_t> order;
    for (std::size_t i = speeds.size(); i > 0; --i) order.push_back(i - 1);
    for (const std::int64_t length : Lengths(split)) {
      std::size_t next = order.front();
      for (const std::size_t i : order) {
        if (free_at[i] < free_at[next]) next = i;
      }
      free_at[next] += static_cast<double>(length) / speeds[next];
    }
    EXPECT_LT(*std::max_element(free_at.begin(), free_at.end()), 1.04 * 1000 / sum) << speeds.size();
  }
}

}  // namespace
}  // namespace thimble
