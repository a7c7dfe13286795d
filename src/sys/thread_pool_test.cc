// SPDX-License-Identifier: Apache-2.0
#include "sys/thread_pool.h"

#include "sys/task_board.h"

#if defined(__linux__)
#include "sys/affinity.h"
#include "sys/affinity_linux.h"
#endif

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <thread>
#include <vector>

namespace thimble {
namespace {

class ThreadPoolTest : public ::testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryTaskOnceAndOnlyKnownWorkers) {
  ThreadPool pool(GetParam());
  ASSERT_GE(pool.num_threads(), 1);
  ASSERT_LE(pool.num_threads(), GetParam());
  for (const int num_tasks : {0, 1, 2, 3, 7, 64, 1000}) {
    std::vector<int> times_run(static_cast<std::size_t>(num_tasks), 0);
    std::atomic<int> num_bad_workers{0};
    pool.Run(num_tasks, [&](int task, int worker) {
      ++times_run[static_cast<std::size_t>(task)];
      if (worker < 0 || worker >= pool.num_threads()) ++num_bad_workers;
    });
    EXPECT_EQ(times_run, std::vector<int>(static_cast<std::size_t>(num_tasks), 1));
    EXPECT_EQ(num_bad_workers, 0);
  }
}

// Results of one job are plain memory that the next job reads: Run must order them. Pauses let workers fall asleep, so
// that both ways of starting are met; short jobs meet workers that are late for the job before.
TEST_P(ThreadPoolTest, ManyJobsInARowSeeEachOthersResults) {
  ThreadPool pool(GetParam());
  constexpr int kTasks = 17;
  std::vector<std::uint64_t> sums(kTasks, 0);
  constexpr std::uint64_t kJobs = 3000;
  for (std::uint64_t job = 1; job <= kJobs; ++job) {
    std::vector<std::uint64_t> next(kTasks);
    pool.Run(kTasks, [&](int task, int) {
      const auto index = static_cast<std::size_t>(task);
      next[index] = sums[(index + 1) % kTasks] + job;
    });
    sums = next;
    if (job % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(sums, std::vector<std::uint64_t>(kTasks, kJobs * (kJobs + 1) / 2));
}

TEST_P(ThreadPoolTest, NoTwoTasksShareAWorkerAtATime) {
  ThreadPool pool(GetParam());
  std::vector<std::atomic<int>> num_running(static_cast<std::size_t>(pool.num_threads()));
  std::atomic<int> num_collisions{0};
  for (int job = 0; job < 50; ++job) {
    pool.Run(40, [&](int, int worker) {
      std::atomic<int>& running = num_running[static_cast<std::size_t>(worker)];
      if (running.fetch_add(1) != 0) ++num_collisions;
      for (int spin = 0; spin < 200; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
      running.fetch_sub(1);
    });
  }
  EXPECT_EQ(num_collisions, 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 3, 4, 9));

TEST(ThreadPool, WorkersTakePart) {
  ThreadPool pool(3);
  if (pool.num_threads() < 2) GTEST_SKIP() << "this system starts no thread";
  // A task waits until another one runs beside it: hangs, and so fails, if one thread did everything.
  std::atomic<int> num_arrived{0};
  pool.Run(2, [&](int, int) {
    ++num_arrived;
    while (num_arrived.load() < 2) std::this_thread::yield();
  });
  EXPECT_EQ(num_arrived, 2);
}

TEST(ThreadPool, TasksAreHandedOutInOrder) {
  ThreadPool pool(1);
  std::vector<int> order;
  pool.Run(5, [&](int task, int) { order.push_back(task); });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(ThreadPool, FewerThanOneThreadIsOne) {
  ThreadPool pool(0);
  EXPECT_EQ(pool.num_threads(), 1);
  int num_run = 0;
  pool.Run(3, [&](int, int) { ++num_run; });
  EXPECT_EQ(num_run, 3);
}

TEST(ThreadPool, NoMoreTakePartThanTheLimitSays) {
  ThreadPool pool(4);
  const int all = pool.num_threads();  // some systems start fewer
  for (const int limit : {2, 1, 0, 9}) {
    pool.Limit(limit);
    EXPECT_EQ(pool.num_threads(), all);
    std::atomic<int> highest{0};
    std::atomic<int> num_tasks{0};
    for (int job = 0; job < 50; ++job) {
      pool.Run(64, [&](int, int worker) {
        for (int seen = highest; worker > seen && !highest.compare_exchange_weak(seen, worker);) {
        }
        ++num_tasks;
        std::this_thread::yield();
      });
    }
    EXPECT_EQ(num_tasks, 50 * 64);
    EXPECT_LT(highest, std::max(1, std::min(limit, all)));
  }
}

#if defined(__linux__)
// Where each thread of the pool may run, by its number: all of them meet in one job.
std::vector<std::vector<int>> Placements(ThreadPool* pool) {
  std::vector<std::vector<int>> placements(static_cast<std::size_t>(pool->num_threads()));
  std::atomic<int> num_arrived{0};
  pool->Run(pool->num_threads(), [&](int, int worker) {
    placements[static_cast<std::size_t>(worker)] = AllowedProcessors();
    ++num_arrived;
    while (num_arrived < pool->num_threads()) std::this_thread::yield();
  });
  return placements;
}

TEST(ThreadPool, ItsThreadsRunWhereTheyArePlaced) {
  const std::vector<int> all = AllowedProcessors();
  if (all.empty()) GTEST_SKIP() << "this system does not say where threads run";
  const std::vector<int> one = {all.back()};
  const PlacementScope back;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto count = static_cast<std::size_t>(pool.num_threads());
    using Places = std::vector<std::vector<int>>;
    EXPECT_TRUE(pool.Place({}));
    EXPECT_EQ(Placements(&pool), Places(count, all));
    ASSERT_TRUE(pool.Place(one));
    EXPECT_EQ(Placements(&pool), Places(count, one));
    // What is not there is not to be had, and nothing changes; nor do numbers that are none.
    EXPECT_EQ(pool.Place(std::vector<int>{1023}), threads == 1);  // who calls is only placed by the next Run
    EXPECT_EQ(Placements(&pool), Places(count, one));
    (void)pool.Place(std::vector<int>{-1, 1 << 30});
    EXPECT_EQ(Placements(&pool), Places(count, one));
    // Of what is not all to be had, what is.
    ASSERT_TRUE(pool.Place(std::vector<int>{all.front(), 1023}));
    EXPECT_EQ(Placements(&pool), Places(count, {all.front()}));
    ASSERT_TRUE(pool.Place(all));
    EXPECT_EQ(Placements(&pool), Places(count, all));
  }
}

TEST(ThreadPool, WhoeverCallsIsPlacedToo) {
  const std::vector<int> all = AllowedProcessors();
  if (all.size() < 2) GTEST_SKIP() << "one processor";
  ThreadPool pool(1);
  ASSERT_TRUE(pool.Place(std::vector<int>{all[0]}));
  for (int round = 0; round < 2; ++round) {
    std::thread([&] { EXPECT_EQ(Placements(&pool).front(), std::vector<int>{all[0]}); }).join();
  }
  EXPECT_EQ(AllowedProcessors(), all);
  EXPECT_EQ(TryPlacement(std::vector<int>{all[1]}), std::vector<int>{all[1]});
  EXPECT_EQ(TryPlacement({}), std::vector<int>{});
  EXPECT_EQ(AllowedProcessors(), all);
}
#endif

TEST(TaskBoard, WhoIsNotAdmittedSleeps) {
  TaskBoard board;
  const std::atomic<double> spin_seconds{0};
  std::atomic<bool> is_over{false};
  std::atomic<int> num_looks{0};
  const auto run = [](TaskBoard::TaskFn fn, void* context, int task, int worker) { fn(context, task, worker); };
  board.Admit(1);
  std::thread worker([&] {
    board.RunWorker(1, spin_seconds, run, [&] {
      ++num_looks;
      return is_over.load();
    });
  });
  while (num_looks == 0) std::this_thread::yield();
  for (int job = 0; job < 1000; ++job) {
    board.Post({[](void*, int, int) {}, nullptr, 1, 1});
    board.WorkOff(0, run);
    board.WaitUntilDone(1, 0);
    if (job % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LE(num_looks, 2);
  is_over = true;
  board.Admit(2);
  board.Ring();
  worker.join();
}

TEST(ThreadPool, WhoWasLeftOutTakesPartAgain) {
  ThreadPool pool(3);
  if (pool.num_threads() < 3) GTEST_SKIP() << "this system starts no threads";
  for (int round = 0; round < 20; ++round) {
    pool.Limit(1 + round % 2);
    pool.Run(8, [](int, int) {});
    if (round % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // until they sleep
    pool.Limit(3);
    // All three meet: hangs, and so fails, if one of them sleeps on.
    std::atomic<int> num_arrived{0};
    pool.Run(3, [&](int, int) {
      ++num_arrived;
      while (num_arrived.load() < 3) std::this_thread::yield();
    });
    EXPECT_EQ(num_arrived, 3);
  }
}

TEST(ThreadPool, TwoPoolsDoNotDisturbEachOther) {
  ThreadPool outer(2);
  ThreadPool inner(2);
  std::atomic<int> num_run{0};
  outer.Run(1, [&](int, int) { inner.Run(10, [&](int, int) { ++num_run; }); });
  EXPECT_EQ(num_run, 10);
}

TEST(ThreadPool, WhatWasNotBegunWhenItIsStoppedIsLeftOut) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    std::atomic<bool> stop{false};
    std::atomic<int> num_run{0};
    pool.StopWhen(&stop);
    pool.Run(10, [&](int, int) { ++num_run; });
    EXPECT_EQ(num_run, 10);
    EXPECT_FALSE(pool.is_stopped());
    num_run = 0;
    pool.Run(1000, [&](int, int) {
      if (++num_run == 5) stop = true;
    });
    EXPECT_TRUE(pool.is_stopped());
    EXPECT_GE(num_run, 5);
    EXPECT_LT(num_run, 5 + threads);
    num_run = 0;
    pool.Run(7, [&](int, int) { ++num_run; });
    EXPECT_EQ(num_run, 0);
    {
      const UnstoppableScope all(&pool);
      pool.Run(7, [&](int, int) { ++num_run; });
      EXPECT_EQ(num_run, 7);
    }
    EXPECT_TRUE(pool.is_stopped());
    pool.StopWhen(nullptr);
    pool.Run(7, [&](int, int) { ++num_run; });
    EXPECT_EQ(num_run, 14);
  }
}

TEST(ThreadPool, WhatWasLeftOutIsNotForgotten) {
  ThreadPool pool(2);
  std::atomic<bool> stop{true};
  pool.StopWhen(&stop);
  pool.Run(3, [](int, int) {});
  stop = false;
  EXPECT_TRUE(pool.is_stopped());  // garbage stays garbage
  pool.StopWhen(&stop);
  EXPECT_FALSE(pool.is_stopped());
}

TEST(ThreadPool, WhatATaskThrowsIsThrownWhenAllAreOver) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      std::atomic<int> num_run{0};
      EXPECT_THROW(pool.Run(40,
                            [&](int task, int) {
                              ++num_run;
                              if (task % 7 == round % 7) throw std::bad_alloc();
                            }),
                   std::bad_alloc);
      if (threads > 1) {
        EXPECT_EQ(num_run, 40);
      }
      num_run = 0;
      pool.Run(40, [&](int, int) { ++num_run; });
      EXPECT_EQ(num_run, 40);
    }
  }
}

TEST(ThreadPool, StartsAndStopsWithoutAJob) {
  for (int round = 0; round < 50; ++round) ThreadPool pool(4);
}

}  // namespace
}  // namespace thimble
