// SPDX-License-Identifier: Apache-2.0
#include "cli/sync_loop.h"

#include <chrono>
#include <csignal>

#include <pthread.h>

namespace thimble::cli {

namespace {

// Ctrl-C is for the thread that answers.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

SyncLoop::SyncLoop(service::ReplyJournal* journal) {
  const WithoutSignals quiet;
  thread_ = std::thread([this, journal] {
    std::unique_lock lock(mutex_);
    while (!over_.wait_for(lock, std::chrono::seconds(1), [this] { return is_over_; })) {
      lock.unlock();
      (void)journal->Sync();  // what fails here is told at the reply's end
      lock.lock();
    }
  });
}

SyncLoop::~SyncLoop() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  over_.notify_all();
  thread_.join();
}

}  // namespace thimble::cli
