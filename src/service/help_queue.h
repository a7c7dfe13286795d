// SPDX-License-Identifier: Apache-2.0
// HelpQueue: slow work that needs no engine, done in order by whichever thread a carrier gives to Help.
#pragma once

#include "sys/mutex.h"

#include <deque>
#include <functional>
#include <utility>

namespace thimble::service {

class HelpQueue {
 public:
  explicit HelpQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Add(std::function<void()> work) {
    {
      const MutexLock lock(&mutex_);
      work_.push_back(std::move(work));
    }
    wake_();
  }
  // Does one piece of work, if there is any. True: there is more.
  bool Run() {
    std::function<void()> work;
    {
      const MutexLock lock(&mutex_);
      if (work_.empty()) return false;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
    const MutexLock lock(&mutex_);
    return !work_.empty();
  }

 private:
  std::function<void()> wake_;
  Mutex mutex_;
  std::deque<std::function<void()>> work_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble::service
