// SPDX-License-Identifier: Apache-2.0
// Worker: a thread that works as long as there is work, and waits for the next. Only where the system starts threads.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace thimble {

class Worker {
 public:
  // `work` returns whether there is more to do at once; else it is called again after `due` seconds, or when woken.
  // Once.
  void Start(std::function<bool()> work, std::function<double()> due) {
    thread_ = std::thread([this, work = std::move(work), due = std::move(due)] {
      // Longer waits than a clock counts are as good as this one.
      constexpr double kLongest = 1e6;
      while (true) {
        const bool has_more = work();
        std::unique_lock lock(mutex_);
        if (!has_more && !is_woken_ && !is_over_) {
          const std::chrono::duration<double> wait(std::min(due(), kLongest));
          wakes_.wait_for(lock, wait, [this] { return is_woken_ || is_over_; });
        }
        is_woken_ = false;
        if (is_over_) return;
      }
    });
  }
  // Any thread, also before Start.
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      is_woken_ = true;
    }
    wakes_.notify_one();
  }
  // Returns when the work under way is done; none is begun after it.
  void End() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    wakes_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  bool is_woken_ = false;
  bool is_over_ = false;
};

}  // namespace thimble
