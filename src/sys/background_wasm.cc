// SPDX-License-Identifier: Apache-2.0
// Background where the page's workers are the only threads: one that looks up takes the work, or who waits for it does
// it. One work at a time is offered; a second one is done at once. Exceptions are off: what the work cannot allocate
// ends the program.
#include "sys/background_wasm.h"

#include "sys/atomic_wait.h"
#include "sys/background.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace thimble {

struct Background::Thread {
  std::function<void()> work;
};

namespace {

std::atomic<bool> is_in_use{false};  // what follows is somebody's
const std::function<void()>* offered_work = nullptr;
std::atomic<bool> is_offered{false};  // who sets it to false has to do the work
std::atomic<std::uint32_t> is_done{0};

bool TakeOffer() { return is_offered.exchange(false, std::memory_order_acq_rel); }

}  // namespace

void DoOfferedWork() {
  if (!is_offered.load(std::memory_order_relaxed) || !TakeOffer()) return;
  (*offered_work)();
  is_done.store(1, std::memory_order_release);
  WakeAll(&is_done);
}

Background::Background(const std::function<void()>& work) {
  if (is_in_use.exchange(true)) {
    work();
    return;
  }
  thread_ = std::make_unique<Thread>(Thread{work});
  offered_work = &thread_->work;
  is_done.store(0, std::memory_order_relaxed);
  is_offered.store(true, std::memory_order_release);
  RingWorkers();
}

Background::~Background() { Wait(); }

void Background::Wait() {
  if (thread_ == nullptr) return;
  if (TakeOffer()) {
    thread_->work();
  } else {
    while (is_done.load(std::memory_order_acquire) == 0) WaitForChange(&is_done, 0);
  }
  thread_ = nullptr;
  is_in_use.store(false, std::memory_order_release);
}

}  // namespace thimble
