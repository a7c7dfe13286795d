// SPDX-License-Identifier: Apache-2.0
// KeptAnswers: streams that go on without whoever asked for them, and can be read again from any of their events, by
// several at once.
#pragma once

#include "service/exchange.h"
#include "service/or_fault.h"
#include "sys/mutex.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

struct KeptLimits {
  std::size_t most_bytes = std::size_t{4} << 20;  // of one answer's events; the oldest of them go first
  std::size_t most_answers = 64;                  // those that ended longest ago go first
  double seconds = 300;                           // behind its end
};

// One answer: what a request is answered into. Each Part is an event, or a comment (": ..."), which whoever reads live
// gets and nobody later. Readers get everything from one thread at a time, outside all locks; one that takes nothing
// holds up neither the writer nor the others. Any thread.
class KeptAnswer final : public AnswerSink {
 public:
  // `wake` is called, outside the locks, when a reader lags behind and Tend is to go on with it.
  KeptAnswer(std::size_t most_bytes, std::function<double()> clock, std::function<void()> wake)
      : most_bytes_(most_bytes), clock_(std::move(clock)), wake_(std::move(wake)) {}

  void Begin(int status, std::vector<Header> headers) override;
  void Part(std::string_view bytes) override;
  void End() override;
  // Never: what nobody takes is kept here.
  [[nodiscard]] bool IsFull() const override { return false; }

  // `sink` gets the events from number `from` on, and what comes. 410: that one is no longer kept.
  OrFault<Done> Read(RequestId reader, std::uint64_t from, std::shared_ptr<AnswerSink> sink);
  void Leave(RequestId reader);
  // Hands readers what they did not have room for.
  void Tend() { Deliver(); }

  [[nodiscard]] bool has_lagging() const;
  // Of the answer's end; nullopt: it is on its way.
  [[nodiscard]] std::optional<double> ended_at() const;
  // It is a stream, and no refusal.
  [[nodiscard]] bool is_worth_keeping() const;

 private:
  struct Reader {
    RequestId id = 0;
    std::shared_ptr<AnswerSink> sink;
    std::uint64_t next = 0;      // the event that it gets next
    std::uint64_t comments = 0;  // that it knows of
    bool has_begun = false;
    bool is_over = false;  // left, or has everything
    bool is_lagging = false;
  };
  struct Turn;
  struct Batch;

  void Deliver();
  // One batch; false: there is nothing for it now. `lags` becomes true where it has no room any more.
  bool DeliverTo(Reader* reader, bool* lags);
  Batch Next(Reader* reader) THIMBLE_REQUIRES(mutex_);

  const std::size_t most_bytes_;
  const std::function<double()> clock_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  bool has_begun_ THIMBLE_GUARDED_BY(mutex_) = false;
  int status_ THIMBLE_GUARDED_BY(mutex_) = 0;
  std::vector<Header> headers_ THIMBLE_GUARDED_BY(mutex_);
  std::deque<std::string> events_ THIMBLE_GUARDED_BY(mutex_);
  std::uint64_t first_ THIMBLE_GUARDED_BY(mutex_) = 0;  // the number of events_.front()
  std::size_t bytes_ THIMBLE_GUARDED_BY(mutex_) = 0;
  std::string comment_ THIMBLE_GUARDED_BY(mutex_);  // the last one
  std::uint64_t num_comments_ THIMBLE_GUARDED_BY(mutex_) = 0;
  std::optional<double> ended_at_ THIMBLE_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Reader>> readers_ THIMBLE_GUARDED_BY(mutex_);
  bool is_delivering_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool has_news_ THIMBLE_GUARDED_BY(mutex_) = false;  // since the delivery under way began
};

// All of them, by the names that clients gave them. Any thread.
class KeptAnswers {
 public:
  // `clock`: seconds. `wake`: there is something for Tend; never called under a lock.
  KeptAnswers(KeptLimits limits, std::function<double()> clock, std::function<void()> wake);

  // At most 128 visible characters: what a client may call its answer.
  static bool IsName(std::string_view name);

  // A new answer of that name; `job` is the request that writes it. 409 while there is one that runs, 429 where too
  // many do.
  OrFault<std::shared_ptr<KeptAnswer>> Add(const std::string& name, RequestId job);
  // 404: there is none, or it is too old; 410.
  OrFault<Done> Read(const std::string& name, std::uint64_t from, RequestId reader, std::shared_ptr<AnswerSink> sink);
  // Whoever read by that id reads no more. Others than readers are ignored.
  void Leave(RequestId reader);
  // The request that writes it; nullopt: it is over. 404.
  OrFault<std::optional<RequestId>> JobOf(const std::string& name);

  // What is due: readers that lag behind, answers that are too old. By one thread.
  void Tend();
  // In so many seconds there is something to do.
  [[nodiscard]] double Due() const;

 private:
  struct Entry {
    std::string name;
    RequestId job = 0;
    std::shared_ptr<KeptAnswer> answer;
  };
  Entry* Find(const std::string& name) THIMBLE_REQUIRES(mutex_);
  // Whoever calls lets go of what is given outside the lock.
  std::vector<Entry> TakeOld() THIMBLE_REQUIRES(mutex_);
  [[nodiscard]] std::vector<std::shared_ptr<KeptAnswer>> All() const;

  const KeptLimits limits_;
  const std::function<double()> clock_;
  const std::function<void()> wake_;
  mutable Mutex mutex_;
  std::vector<Entry> entries_ THIMBLE_GUARDED_BY(mutex_);  // in the order of their beginnings
};

}  // namespace thimble::service
