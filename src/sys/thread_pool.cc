// SPDX-License-Identifier: Apache-2.0
#include "sys/thread_pool.h"

#include "sys/affinity.h"
#include "sys/machine.h"
#include "sys/mutex.h"
#include "sys/task_board.h"

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <exception>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace thimble {

struct ThreadPool::Shared {
  TaskBoard board;
  // The first exception of the job's tasks: written by whoever sets `has_thrown` first, read when all are finished.
  std::atomic<bool> has_thrown{false};
  std::exception_ptr thrown;
  std::atomic<bool> is_stopping{false};
  std::atomic<double> spin_seconds{0};
  std::vector<std::thread> workers;
  bool has_met_limit = false;  // the system started fewer threads: others want the cores
  // Where threads run, and the number of the last placement, of all pools' together; 0: none.
  Mutex place_mutex;
  std::vector<int> processors THIMBLE_GUARDED_BY(place_mutex);
  std::atomic<std::uint64_t> placement{0};

  // By who calls Run, which may be another thread each time.
  void PlaceCaller(std::uint64_t number) {
    thread_local std::uint64_t followed = 0;
    if (number == followed) return;
    followed = number;
    const MutexLock lock(&place_mutex);
    (void)PlaceThisThread(processors);
  }

  // A task that throws counts as finished, as all others do.
  void RunTask(TaskFn fn, void* context, int task, int worker) {
    try {
      fn(context, task, worker);
    } catch (...) {
      if (!has_thrown.exchange(true)) thrown = std::current_exception();
    }
  }
  auto Runner() {
    return [this](TaskFn fn, void* context, int task, int worker) { RunTask(fn, context, task, worker); };
  }
  void RunWorker(int worker) {
    board.RunWorker(worker, spin_seconds, Runner(), [this] { return is_stopping.load(std::memory_order_acquire); });
  }
};

ThreadPool::ThreadPool(int num_threads, double slowest_share)
    : num_threads_(1), slowest_share_(slowest_share), shared_(std::make_unique<Shared>()) {
  // More threads than cores: who spins keeps the core from the one it waits for.
  if (num_threads <= NumUsableCores()) shared_->spin_seconds = TaskBoard::kSpinSeconds;
  // The system starts no more threads, or has no memory for one: work with those that run. num_threads() tells.
  const auto has_met_limit = [this] {
    shared_->has_met_limit = true;
    shared_->spin_seconds = 0;
  };
  try {
    for (int worker = 1; worker < num_threads; ++worker) {
      shared_->workers.emplace_back([shared = shared_.get(), worker] { shared->RunWorker(worker); });
      ++num_threads_;
    }
  } catch (const std::system_error&) {
    has_met_limit();
  } catch (const std::bad_alloc&) {
    has_met_limit();
  }
}

ThreadPool::~ThreadPool() {
  shared_->is_stopping.store(true, std::memory_order_release);
  shared_->board.Admit(INT_MAX);
  shared_->board.Ring();
  for (std::thread& worker : shared_->workers) worker.join();
}

void ThreadPool::Limit(int num_threads) {
  limit_.store(std::max(1, num_threads), std::memory_order_relaxed);
  shared_->board.Admit(std::max(1, num_threads));
}

bool ThreadPool::Place(std::span<const int> processors) {
  if (processors.empty()) return true;
  Shared& shared = *shared_;
  const MutexLock lock(&shared.place_mutex);
  shared.processors.assign(processors.begin(), processors.end());
  bool is_placed = true;
  for (std::thread& worker : shared.workers) is_placed = PlaceThread(worker.native_handle(), processors) && is_placed;
  static std::atomic<std::uint64_t> num_placements{0};
  shared.placement.store(num_placements.fetch_add(1) + 1, std::memory_order_release);
  if (!is_placed) return false;
  // Whoever started the pool may have had other processors than these.
  const int num_workers = std::min(num_threads_, limit_.load(std::memory_order_relaxed));
  const bool has_room = !shared.has_met_limit && num_workers <= static_cast<int>(processors.size());
  shared.spin_seconds = has_room ? TaskBoard::kSpinSeconds : 0;
  return true;
}

void ThreadPool::Run(int num_tasks, TaskFn fn, void* context) {
  if (const std::uint64_t placement = shared_->placement.load(std::memory_order_acquire); placement != 0)
    shared_->PlaceCaller(placement);
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
  Shared& shared = *shared_;
  const auto tasks = static_cast<std::uint32_t>(num_tasks);
  shared.board.Post({fn, context, tasks, num_workers, stop_, &has_left_out_});
  shared.board.WorkOff(0, shared.Runner());
  shared.board.WaitUntilDone(tasks, shared.spin_seconds.load(std::memory_order_relaxed));
  if (!shared.has_thrown.load(std::memory_order_acquire)) return;
  shared.has_thrown.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(shared.thrown, nullptr));
}

}  // namespace thimble
