// SPDX-License-Identifier: Apache-2.0
// TaskBoard: the tasks of one job at a time, for whichever threads come and take them. For the pools of sys.
//
// One word, the ticket, names the job and counts the tasks that nobody has taken yet. Taking a task is a compare and
// exchange on it, so a worker that wakes late finds nothing left and cannot take part in a job that it did not see
// begin. Who posts a job never waits for workers, only for tasks.
#pragma once

#include "base/check.h"
#include "sys/atomic_wait.h"
#include "sys/machine.h"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace thimble {

class TaskBoard {
 public:
  using TaskFn = void (*)(void* context, int task, int worker);
  struct Job {
    TaskFn fn = nullptr;
    void* context = nullptr;
    std::uint32_t num_tasks = 0;
    int num_workers = 1;  // who takes part: workers of a number below
    // Tasks that are not begun are left out when this is true, and `has_left_out` becomes true; may be nullptr.
    const std::atomic<bool>* stop = nullptr;
    std::atomic<bool>* has_left_out = nullptr;
  };

  // By one thread, when the job before is done.
  void Post(const Job& job) {
    const std::uint64_t last = ticket_.load(std::memory_order_relaxed);
    THIMBLE_DCHECK((last & kTasksMask) == 0);
    num_finished_.store(0, std::memory_order_relaxed);
    fn_.store(job.fn, std::memory_order_relaxed);
    context_.store(job.context, std::memory_order_relaxed);
    num_tasks_.store(job.num_tasks, std::memory_order_relaxed);
    num_workers_.store(job.num_workers, std::memory_order_relaxed);
    stop_.store(job.stop, std::memory_order_relaxed);
    has_left_out_.store(job.has_left_out, std::memory_order_relaxed);
    ticket_.store(((last >> 32) + 1) << 32 | job.num_tasks, std::memory_order_release);
    bell_.fetch_add(1, std::memory_order_seq_cst);
    if (job.num_tasks >= static_cast<std::uint32_t>(job.num_workers)) {
      WakeAll(&bell_);
    } else {
      for (std::uint32_t task = 1; task < job.num_tasks; ++task) WakeOne(&bell_);
    }
  }

  // Takes and runs tasks until none is left, by run(fn, context, task, worker). Who posted and all workers are here
  // together.
  template <typename Run>
  void WorkOff(int worker, const Run& run) {
    std::uint32_t count = 0;
    std::uint64_t seen = ticket_.load(std::memory_order_acquire);
    while ((seen & kTasksMask) != 0) {
      const TaskFn fn = fn_.load(std::memory_order_relaxed);
      void* const context = context_.load(std::memory_order_relaxed);
      const std::uint32_t num_tasks = num_tasks_.load(std::memory_order_relaxed);
      const std::atomic<bool>* const stop = stop_.load(std::memory_order_relaxed);
      std::atomic<bool>* const has_left_out = has_left_out_.load(std::memory_order_relaxed);
      if (worker >= num_workers_.load(std::memory_order_relaxed)) break;
      // Success proves that the job was unfinished since `seen` was read: what was loaded is its own.
      if (!ticket_.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      const auto task = static_cast<int>(num_tasks - static_cast<std::uint32_t>(seen & kTasksMask));
      // A task that is left out counts as finished: who posted waits for all of them.
      if (stop != nullptr && stop->load(std::memory_order_relaxed)) {
        has_left_out->store(true, std::memory_order_relaxed);
      } else {
        run(fn, context, task, worker);
      }
      ++count;
      seen = ticket_.load(std::memory_order_acquire);
    }
    if (count == 0) return;
    // Until this addition the job is unfinished, so the ticket above cannot have become the next job's.
    num_finished_.fetch_add(count, std::memory_order_seq_cst);
    WakeOne(&num_finished_);
  }

  // By who posted: returns when `num_tasks` tasks, all of the job, are finished.
  void WaitUntilDone(std::uint32_t num_tasks, double spin_seconds) {
    const auto is_done = [&] { return num_finished_.load(std::memory_order_acquire) == num_tasks; };
    if (SpinUntil(is_done, spin_seconds)) return;
    for (std::uint32_t finished = 0; finished != num_tasks;) {
      finished = num_finished_.load(std::memory_order_acquire);
      if (finished != num_tasks) WaitForChange(&num_finished_, finished);
    }
  }

  // A worker's life: takes part in every job until is_over() says otherwise after a ring.
  template <typename Run, typename IsOver>
  void RunWorker(int worker, const std::atomic<double>& spin_seconds, const Run& run, const IsOver& is_over) {
    while (true) {
      WaitUntilAdmitted(worker, is_over);
      const std::uint32_t heard = bell_.load(std::memory_order_acquire);
      WorkOff(worker, run);
      if (is_over()) return;
      const auto rang = [&] { return bell_.load(std::memory_order_acquire) != heard; };
      if (!SpinUntil(rang, spin_seconds.load(std::memory_order_relaxed))) WaitForChange(&bell_, heard);
    }
  }

  // Workers of this number and above are asleep from about now on, and hear no jobs: what they could do is look and
  // wait again, and the point of fewer threads is less heat. Any thread may call.
  void Admit(int num_workers) {
    num_admitted_.store(static_cast<std::uint32_t>(num_workers), std::memory_order_seq_cst);
    WakeAll(&num_admitted_);
  }

  // Lets all workers look up though there is no job.
  void Ring() {
    bell_.fetch_add(1, std::memory_order_seq_cst);
    WakeAll(&bell_);
  }

  // Between the products of one token pass a few microseconds; a wake-up from sleep costs tens. Spinning for about as
  // long as a wake-up costs is at most twice as expensive as the best choice would have been.
  static constexpr double kSpinSeconds = 40e-6;

 private:
  template <typename IsOver>
  void WaitUntilAdmitted(int worker, const IsOver& is_over) {
    std::uint32_t admitted = num_admitted_.load(std::memory_order_acquire);
    while (static_cast<std::uint32_t>(worker) >= admitted && !is_over()) {
      WaitForChange(&num_admitted_, admitted);
      admitted = num_admitted_.load(std::memory_order_acquire);
    }
  }

  static void Pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");  // "yield" does nothing on most cores
#endif
  }

  // Waits actively until is_ready() or the time for spinning is over. Whether it became ready.
  template <typename IsReady>
  static bool SpinUntil(const IsReady& is_ready, double seconds) {
    constexpr int kPausesPerClockRead = 16;
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

  static constexpr std::uint64_t kTasksMask = 0xFFFFFFFFu;
  // What processors move between cores at a time: 64 bytes; 128 on some ARM cores, and where lines are fetched in
  // pairs.
  static constexpr std::size_t kSharedLine = 128;

  // Job number in the upper half, tasks not yet taken in the lower half.
  alignas(kSharedLine) std::atomic<std::uint64_t> ticket_{0};
  // The job. Written only while no task is left to take or running; atomic because a late worker may read it then,
  // before its exchange on the ticket fails.
  std::atomic<TaskFn> fn_{nullptr};
  std::atomic<void*> context_{nullptr};
  std::atomic<std::uint32_t> num_tasks_{0};
  std::atomic<int> num_workers_{0};
  std::atomic<const std::atomic<bool>*> stop_{nullptr};
  std::atomic<std::atomic<bool>*> has_left_out_{nullptr};
  // Tasks finished in this job.
  alignas(kSharedLine) std::atomic<std::uint32_t> num_finished_{0};
  // Changes with every job and at the end: what sleeping workers wait for.
  alignas(kSharedLine) std::atomic<std::uint32_t> bell_{0};
  // Workers of a number below are awake.
  alignas(kSharedLine) std::atomic<std::uint32_t> num_admitted_{UINT32_MAX};
};

}  // namespace thimble
