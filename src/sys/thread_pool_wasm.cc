// SPDX-License-Identifier: Apache-2.0
// Nobody can start a thread here, and nobody can end one: workers of the page come in by themselves and stay. So there
// is one board for all pools, which is enough, since one thread calls Run; a pool is a number of those who may take
// part. Where fewer have come than it counts on, whoever is there does their share.
#include "sys/thread_pool_wasm.h"

#include "sys/background_wasm.h"
#include "sys/machine.h"
#include "sys/task_board.h"
#include "sys/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace thimble {

namespace {

constexpr int kMostThreads = 64;  // bits of `present`

TaskBoard board;
std::atomic<double> spin_seconds{0};
std::atomic<std::uint64_t> present{0};
std::atomic<int> num_threads_here{1};

// Exceptions are off: what a task cannot allocate ends the program.
void RunTask(TaskBoard::TaskFn fn, void* context, int task, int worker) { fn(context, task, worker); }

}  // namespace

struct ThreadPool::Shared {};

int NumUsableCores() { return num_threads_here.load(std::memory_order_relaxed); }

void SetNumThreads(int num_threads) {
  num_threads_here.store(std::clamp(num_threads, 1, kMostThreads), std::memory_order_relaxed);
}

void JoinThreadPools(int worker) {
  if (worker < 1 || worker >= kMostThreads) return;
  const std::uint64_t mine = std::uint64_t{1} << worker;
  if ((present.fetch_or(mine) & mine) != 0) return;
  board.RunWorker(worker, spin_seconds, RunTask, [] {
    DoOfferedWork();
    return false;
  });
}

void RingWorkers() { board.Ring(); }

ThreadPool::ThreadPool(int num_threads, double slowest_share)
    : num_threads_(std::clamp(num_threads, 1, kMostThreads)), slowest_share_(slowest_share) {
  // More threads than cores: who spins keeps the core from the one it waits for.
  spin_seconds.store(num_threads <= NumUsableCores() ? TaskBoard::kSpinSeconds : 0, std::memory_order_relaxed);
}

ThreadPool::~ThreadPool() = default;

// Who does not take part still does what is offered to the page's workers (Background), so nobody is sent to sleep.
void ThreadPool::Limit(int num_threads) { limit_.store(std::max(1, num_threads), std::memory_order_relaxed); }
bool ThreadPool::Place(std::span<const int> /*processors*/) { return true; }

void ThreadPool::Run(int num_tasks, TaskFn fn, void* context) {
  const int num_workers = std::min(num_threads_, limit_.load(std::memory_order_relaxed));
  if (num_workers == 1 || num_tasks <= 1) {
    for (int task = 0; task < num_tasks; ++task) {
      if (is_stopped()) {
        has_left_out_.store(true, std::memory_order_relaxed);
        return;
      }
      fn(context, task, 0);
    }
    return;
  }
  const auto tasks = static_cast<std::uint32_t>(num_tasks);
  board.Post({fn, context, tasks, num_workers, stop_, &has_left_out_});
  board.WorkOff(0, RunTask);
  board.WaitUntilDone(tasks, spin_seconds.load(std::memory_order_relaxed));
}

}  // namespace thimble
