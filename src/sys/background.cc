// SPDX-License-Identifier: Apache-2.0
#include "sys/background.h"

#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace thimble {

struct Background::Thread {
  std::thread thread;
  std::exception_ptr thrown;  // written by the thread, read after it was joined
};

Background::Background(const std::function<void()>& work) : thread_(std::make_unique<Thread>()) {
  try {
    thread_->thread = std::thread([state = thread_.get(), work] {
      try {
        work();
      } catch (...) {
        state->thrown = std::current_exception();
      }
    });
  } catch (const std::system_error&) {
    // No more threads to be had.
    work();
    thread_ = nullptr;
  }
}

Background::~Background() {
  if (thread_ != nullptr) thread_->thread.join();
}

void Background::Wait() {
  if (thread_ == nullptr) return;
  thread_->thread.join();
  const std::exception_ptr thrown = std::exchange(thread_->thrown, nullptr);
  thread_ = nullptr;
  if (thrown != nullptr) std::rethrow_exception(thrown);
}

}  // namespace thimble
