// SPDX-License-Identifier: Apache-2.0
// One word, the ticket, names the job and counts the tasks that nobody has taken yet. Taking a task is a compare and
// exchange on it, so a worker that wakes late finds nothing left and cannot take part in a job that it did not see
// begin. The caller of Run never waits for workers, only for tasks.
#include "sys/thread_pool.h"

#include "base/check.h"
#include "sys/machine.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace thimble {

namespace {

// Between the products of one token pass a few microseconds; a wake-up from sleep costs tens. Spinning for about as
// long as a wake-up costs is at most twice as expensive as the best choice would have been.
constexpr double kSpinSeconds = 40e-6;
constexpr int kPausesPerClockRead = 16;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");  // "yield" does nothing on most cores
#endif
}

// Waits actively until is_ready() or the time for spinning is over. Whether it became ready.
template <typename IsReady>
bool SpinUntil(const IsReady& is_ready, double seconds) {
  if (is_ready()) return true;
  if (seconds <= 0) return false;
  const double deadline = MonotonicSeconds() + seconds;
  do {
    for (int pause = 0; pause < kPausesPerClockRead; ++pause) {
      Pause();
      if (is_ready()) return true;
    }
  } while (MonotonicSeconds() < deadline);
  return false;
}

constexpr std::uint64_t kTasksMask = 0xFFFFFFFFu;
// What processors move between cores at a time: 64 bytes; 128 on some ARM cores, and where lines are fetched in pairs.
constexpr std::size_t kSharedLine = 128;

}  // namespace

struct ThreadPool::Shared {
  // Job number in the upper half, tasks not yet taken in the lower half.
  alignas(kSharedLine) std::atomic<std::uint64_t> ticket{0};
  // The job. Written only while no task is left to take or running; atomic because a late worker may read it then,
  // before its exchange on the ticket fails.
  std::atomic<TaskFn> fn{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<std::uint32_t> num_tasks{0};
  std::atomic<const std::atomic<bool>*> stop{nullptr};
  std::atomic<bool>* has_left_out = nullptr;  // the pool's
  // The first exception of the job's tasks: written by whoever sets `has_thrown` first, read when all are finished.
  std::atomic<bool> has_thrown{false};
  std::exception_ptr thrown;
  // Tasks finished in this job.
  alignas(kSharedLine) std::atomic<std::uint32_t> num_finished{0};
  // Changes with every job and at the end: what sleeping workers wait for.
  alignas(kSharedLine) std::atomic<std::uint32_t> bell{0};
  std::atomic<bool> is_stopping{false};
  double spin_seconds = 0;
  std::vector<std::thread> workers;

  void RunTask(TaskFn job_fn, void* job_context, int task, int worker) {
    try {
      job_fn(job_context, task, worker);
    } catch (...) {
      if (!has_thrown.exchange(true)) thrown = std::current_exception();
    }
  }

  // Takes and runs tasks until none is left. The caller of Run and all workers are here together.
  void WorkOff(int worker) {
    std::uint32_t count = 0;
    std::uint64_t seen = ticket.load(std::memory_order_acquire);
    while ((seen & kTasksMask) != 0) {
      const TaskFn job_fn = fn.load(std::memory_order_relaxed);
      void* const job_context = context.load(std::memory_order_relaxed);
      const std::uint32_t job_tasks = num_tasks.load(std::memory_order_relaxed);
      const std::atomic<bool>* const job_stop = stop.load(std::memory_order_relaxed);
      // Success proves that the job was unfinished since `seen` was read: what was loaded is its own.
      if (!ticket.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      const auto task = static_cast<int>(job_tasks - static_cast<std::uint32_t>(seen & kTasksMask));
      // A task that is left out, or that throws, counts as finished: the caller waits for all of them.
      if (job_stop != nullptr && job_stop->load(std::memory_order_relaxed)) {
        has_left_out->store(true, std::memory_order_relaxed);
      } else {
        RunTask(job_fn, job_context, task, worker);
      }
      ++count;
      seen = ticket.load(std::memory_order_acquire);
    }
    if (count == 0) return;
    // Until this addition the job is unfinished, so the ticket above cannot have become the next job's.
    num_finished.fetch_add(count, std::memory_order_seq_cst);
    num_finished.notify_one();
  }

  void RunWorker(int worker) {
    while (true) {
      const std::uint32_t heard = bell.load(std::memory_order_acquire);
      WorkOff(worker);
      if (is_stopping.load(std::memory_order_acquire)) return;
      const auto rang = [&] { return bell.load(std::memory_order_acquire) != heard; };
      if (!SpinUntil(rang, spin_seconds)) bell.wait(heard, std::memory_order_acquire);
    }
  }
};

ThreadPool::ThreadPool(int num_threads, double slowest_share)
    : num_threads_(1), slowest_share_(slowest_share), shared_(std::make_unique<Shared>()) {
  // More threads than cores: who spins keeps the core from the one it waits for.
  shared_->has_left_out = &has_left_out_;
  if (num_threads <= NumUsableCores()) shared_->spin_seconds = kSpinSeconds;
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
  shared_->bell.fetch_add(1, std::memory_order_seq_cst);
  shared_->bell.notify_all();
  for (std::thread& worker : shared_->workers) worker.join();
}

void ThreadPool::Run(int num_tasks, TaskFn fn, void* context) {
  if (num_threads_ == 1 || num_tasks <= 1) {
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
  const std::uint64_t last = shared.ticket.load(std::memory_order_relaxed);
  THIMBLE_DCHECK((last & kTasksMask) == 0);
  const auto tasks = static_cast<std::uint32_t>(num_tasks);
  shared.num_finished.store(0, std::memory_order_relaxed);
  shared.fn.store(fn, std::memory_order_relaxed);
  shared.context.store(context, std::memory_order_relaxed);
  shared.num_tasks.store(tasks, std::memory_order_relaxed);
  shared.stop.store(stop_, std::memory_order_relaxed);
  shared.ticket.store(((last >> 32) + 1) << 32 | tasks, std::memory_order_release);
  shared.bell.fetch_add(1, std::memory_order_seq_cst);
  if (num_tasks >= num_threads_) {
    shared.bell.notify_all();
  } else {
    for (int task = 1; task < num_tasks; ++task) shared.bell.notify_one();
  }

  shared.WorkOff(0);
  const auto is_done = [&] { return shared.num_finished.load(std::memory_order_acquire) == tasks; };
  if (!SpinUntil(is_done, shared.spin_seconds)) {
    for (std::uint32_t finished = 0; finished != tasks;) {
      finished = shared.num_finished.load(std::memory_order_acquire);
      if (finished != tasks) shared.num_finished.wait(finished, std::memory_order_acquire);
    }
  }
  if (!shared.has_thrown.load(std::memory_order_acquire)) return;
  shared.has_thrown.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(shared.thrown, nullptr));
}

}  // namespace thimble
