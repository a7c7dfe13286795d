// SPDX-License-Identifier: Apache-2.0
#include "sys/thread_pool.h"

#include "sys/machine.h"
#include "sys/task_board.h"

#include <algorithm>
#include <atomic>
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
  const auto has_met_limit = [this] { shared_->spin_seconds = 0; };  // which says that others want the cores
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
  shared_->board.Ring();
  for (std::thread& worker : shared_->workers) worker.join();
}

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
