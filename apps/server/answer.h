// SPDX-License-Identifier: Apache-2.0
// Answer: what the service writes and one connection has not yet taken; the only thing both of their threads touch.
#pragma once

#include "base/thread_annotations.h"
#include "service/exchange.h"
#include "sys/mutex.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace thimble::server {

class Answer : public service::AnswerSink {
 public:
  // `wake` is called, on the writer's thread and seldom, when there is something to Take. Like the writer it must not
  // wait. It is never called after Detach.
  Answer(std::size_t full_bytes, std::size_t most_bytes, std::function<void()> wake);

  // What the service calls. Without a connection everything is dropped.
  void Begin(int status, std::vector<service::Header> headers) override;
  void Part(std::string_view bytes) override;
  void End() override;
  [[nodiscard]] bool IsFull() const override;

  struct Batch {
    bool begins = false;  // with these:
    int status = 0;
    std::vector<service::Header> headers;
    std::optional<std::size_t> length;  // of the whole body, where it is there already
    std::string bytes;
    bool ends = false;
  };
  // What can be sent now, at most 64 KiB of the body; nullopt: nothing. Streams (text/event-stream, x-ndjson) go out as
  // they come. Of other answers nothing goes out before their End or 64 KiB, so that they have a length.
  std::optional<Batch> Take();
  // The bytes of the last batch have left.
  void Sent();
  // The connection is gone.
  void Detach();
  [[nodiscard]] bool has_ended() const;
  // More than most_bytes wait: the writer does not look at IsFull, and the answer has a gap.
  [[nodiscard]] bool is_broken() const;

 private:
  void WakeUp() THIMBLE_REQUIRES(mutex_);
  [[nodiscard]] std::size_t NumWaiting() const THIMBLE_REQUIRES(mutex_) { return waiting_.size() - taken_; }

  const std::size_t full_bytes_;
  const std::size_t most_bytes_;
  mutable Mutex mutex_;
  std::function<void()> wake_ THIMBLE_GUARDED_BY(mutex_);  // empty: detached
  bool is_woken_ THIMBLE_GUARDED_BY(mutex_) = false;       // and has not looked yet
  bool has_begun_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool has_ended_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool is_broken_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool is_stream_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool head_taken_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool end_taken_ THIMBLE_GUARDED_BY(mutex_) = false;
  int status_ THIMBLE_GUARDED_BY(mutex_) = 0;
  std::vector<service::Header> headers_ THIMBLE_GUARDED_BY(mutex_);
  std::string waiting_ THIMBLE_GUARDED_BY(mutex_);
  std::size_t taken_ THIMBLE_GUARDED_BY(mutex_) = 0;   // of waiting_, at its beginning
  std::size_t on_way_ THIMBLE_GUARDED_BY(mutex_) = 0;  // taken and not yet Sent
};

}  // namespace thimble::server
