// SPDX-License-Identifier: Apache-2.0
// SyncLoop: waits for the disk once a second, beside whoever writes.
#pragma once

#include "service/chat_store.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace thimble::cli {

class SyncLoop {
 public:
  // The journal outlives this.
  explicit SyncLoop(service::ReplyJournal* journal);
  ~SyncLoop();
  SyncLoop(const SyncLoop&) = delete;
  SyncLoop& operator=(const SyncLoop&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace thimble::cli
