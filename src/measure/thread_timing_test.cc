// SPDX-License-Identifier: Apache-2.0
#include "measure/thread_timing.h"

#include "kernels/kernels.h"
#include "ops_tools.h"
#include "sys/machine.h"
#include "sys/thread_pool.h"

#include <gtest/gtest.h>

#include <array>

namespace thimble {
namespace {

TEST(ThreadTiming, TheFewestThreadsNearTheBest) {
  EXPECT_EQ(BestThreads({}), 0);
  const std::array<ThreadTiming, 1> one = {{{2, 1.0, 1.0}}};
  EXPECT_EQ(BestThreads(one), 2);
  // Decoding is bound by memory from 4 threads on, prompts go on gaining.
  const std::array<ThreadTiming, 3> laptop = {{{4, 1.00, 2.0}, {8, 0.98, 1.0}, {16, 1.00, 0.97}}};
  EXPECT_EQ(BestThreads(laptop), 8);
  // Little cores help prompts by less than 5 % and hurt decoding.
  const std::array<ThreadTiming, 3> phone = {{{1, 2.0, 4.0}, {4, 1.0, 1.0}, {8, 1.2, 0.96}}};
  EXPECT_EQ(BestThreads(phone), 4);
  const std::array<ThreadTiming, 2> unsorted = {{{8, 1.0, 1.0}, {2, 1.04, 1.04}}};
  EXPECT_EQ(BestThreads(unsorted), 2);
  const std::array<ThreadTiming, 2> both = {{{1, 1.0, 1.0}, {2, 0.5, 0.5}}};
  EXPECT_EQ(BestThreads(both), 2);
}

TEST(ThreadTiming, BusyCores) {
  EXPECT_FALSE(WereCoresBusy({}));
  EXPECT_FALSE(WereCoresBusy(std::array<ThreadTiming, 2>{{{1, 1.0, 1.0, 1.0}, {2, 1.0, 1.0, 0.95}}}));
  EXPECT_TRUE(WereCoresBusy(std::array<ThreadTiming, 2>{{{1, 1.0, 1.0, 1.0}, {2, 1.0, 1.0, 0.55}}}));
}

TEST(ThreadTiming, TimesEveryCount) {
  const std::array<ThreadCount, 2> counts = {{{1, 1.0}, {2, 0.5}}};
  const auto timed = TimeThreads(*testing::RunnableTables().front(), counts, 0.0, {});
  ASSERT_TRUE(timed.ok()) << timed.error().message;
  // One where the system starts no threads.
  ASSERT_EQ(timed.value().size(), static_cast<std::size_t>(ThreadPool(2).num_threads()));
  for (std::size_t i = 0; i < timed.value().size(); ++i) {
    const ThreadTiming& timing = timed.value()[i];
    EXPECT_EQ(timing.threads, counts[i].threads);
    EXPECT_GT(timing.decode_seconds, 0);
    EXPECT_GT(timing.prompt_seconds, 0);
    EXPECT_LT(timing.decode_seconds + timing.prompt_seconds, 60);
    EXPECT_GT(timing.core_share, 0);
    EXPECT_LE(timing.core_share, 1);
  }
}

TEST(ThreadTiming, CanBeCancelledAndHasNothingToDoForNothing) {
  const kernels::KernelTable& table = *testing::RunnableTables().front();
  const std::array<ThreadCount, 1> counts = {{{1, 1.0}}};
  const auto cancelled = TimeThreads(table, counts, 1000.0, [] { return false; });
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, Code::kCancelled);
  const auto nothing = TimeThreads(table, {}, 1000.0, {});
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing.value().empty());
}

}  // namespace
}  // namespace thimble
