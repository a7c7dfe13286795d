// SPDX-License-Identifier: Apache-2.0
// ThreadPool: runs numbered tasks on a fixed set of threads. Workers spin briefly after a job, then sleep.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace thimble {

class ThreadPool {
 public:
  // A task as a plain function and a pointer, so that starting a job allocates nothing.
  using TaskFn = void (*)(void* context, int task, int worker);

  // `num_threads` >= 1 counts the caller of Run: a pool of 1 starts no thread. `slowest_share` is the speed of the
  // slowest core these threads run on, relative to the mean of theirs (topology.h knows); it only advises operations.
  explicit ThreadPool(int num_threads, double slowest_share = 1.0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int num_threads() const { return num_threads_; }
  // From now on at most so many of the threads take part in a Run, who calls it among them; num_threads() stays. Any
  // thread may call.
  void Limit(int num_threads);
  // From now on its threads run on these processors only (the system's numbers), who calls Run from its next Run on.
  // All on all of them rather than each on one: the scheduler then still moves a thread off a core that something else
  // needs, and only it knows. False: the system refused at least one thread (none of them is to be had now), which then
  // stays where it was; asked again later it may not. Nothing happens where `processors` is empty or the system does
  // not place threads. Any thread may call.
  bool Place(std::span<const int> processors);
  // How large the first of several tasks may be, relative to a fair share, so that the slowest core is no one's last.
  [[nodiscard]] double slowest_share() const { return slowest_share_; }

  // From now on, until it is called again, Run leaves out the tasks that it has not begun when `*stop` is true: what
  // they would have written is then garbage, and is_stopped() says so from then on, even if `*stop` becomes false
  // again. nullptr: every task is run. `*stop` may change at any time and from any thread. Not during a Run.
  void StopWhen(const std::atomic<bool>* stop) {
    stop_ = stop;
    has_left_out_.store(false, std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_stopped() const {
    return has_left_out_.load(std::memory_order_relaxed) ||
           (stop_ != nullptr && stop_->load(std::memory_order_relaxed));
  }
  [[nodiscard]] const std::atomic<bool>* stop() const { return stop_; }

  // Calls fn(context, task, worker) for every task in [0, num_tasks), each once, and returns when all are done. Workers
  // are numbered [0, num_threads()); the caller is worker 0. Tasks are handed out in order to whoever is free, so
  // results must not depend on which worker ran a task. Not reentrant: one Run at a time, never from inside a task.
  // What a task throws (std::bad_alloc) is thrown here once all tasks are over.
  void Run(int num_tasks, TaskFn fn, void* context);

  // The same for a callable void(int task, int worker), which is not copied.
  template <typename F>
  void Run(int num_tasks, F&& body) {
    using Body = std::remove_reference_t<F>;
    Run(
        num_tasks, [](void* context, int task, int worker) { (*static_cast<Body*>(context))(task, worker); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  struct Shared;
  int num_threads_;
  double slowest_share_;
  std::atomic<int> limit_{INT_MAX};
  const std::atomic<bool>* stop_ = nullptr;
  std::atomic<bool> has_left_out_{false};
  std::unique_ptr<Shared> shared_;
};

// Lets a pool run all its tasks for as long as this lives: for work that cannot be dropped halfway.
class UnstoppableScope {
 public:
  explicit UnstoppableScope(ThreadPool* pool) : pool_(pool), stop_(pool->stop()) { pool_->StopWhen(nullptr); }
  ~UnstoppableScope() { pool_->StopWhen(stop_); }
  UnstoppableScope(const UnstoppableScope&) = delete;
  UnstoppableScope& operator=(const UnstoppableScope&) = delete;

 private:
  ThreadPool* pool_;
  const std::atomic<bool>* stop_;
};

}  // namespace thimble
