// SPDX-License-Identifier: Apache-2.0
#include "sys/background.h"

#include <system_error>
#include <thread>

namespace thimble {

struct Background::Thread {
  std::thread thread;
};

Background::Background(const std::function<void()>& work) : thread_(std::make_unique<Thread>()) {
  try {
    thread_->thread = std::thread(work);
  } catch (const std::system_error&) {
    // No more threads to be had.
    work();
    thread_ = nullptr;
  }
}

Background::~Background() { Wait(); }

void Background::Wait() {
  if (thread_ == nullptr) return;
  thread_->thread.join();
  thread_ = nullptr;
}

}  // namespace thimble
