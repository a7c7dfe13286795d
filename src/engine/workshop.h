// SPDX-License-Identifier: Apache-2.0
// Workshop: who may use the engine's threads and scratch, one turn after the other; and passes that several share.
//
// A turn is either alone (a slice of reading, a picture) or one token of a conversation that writes. Whoever has the
// first turn runs it; if it is a token, all tokens that wait then are run in the same pass, and their owners wake up
// with their results (as leveldb's writers share a write). Companions change nobody's bits.
#pragma once

#include "base/result.h"
#include "model/batch.h"
#include "model/decoder.h"
#include "sys/mutex.h"

#include <atomic>
#include <deque>
#include <functional>
#include <span>

namespace thimble {

struct EngineParts;

// The next rows of a conversation that writes (at most DecoderState::kMaxPartialRows), to be run with those of others.
struct SharedRows {
  const Batch* batch = nullptr;
  DecoderState* state = nullptr;
  // Called with the logits of the last row while whoever ran the pass still has the turn. Touches only what belongs to
  // this conversation.
  std::function<void(std::span<float> logits)> use;
  const std::atomic<bool>* stop = nullptr;  // cancels, once it becomes true
  // A pass that these rows have alone is left between layers when MonotonicSeconds() is beyond this; 0: it is not. One
  // that was left is gone on with by the next Run with the same rows.
  double deadline = 0;
  UnfinishedPass* left = nullptr;

  // What became of them.
  Status status = Done{};
  bool is_left = false;    // the pass was left, `use` not called
  double cpu_seconds = 0;  // added to: their share of the processor time
};

class Workshop {
 public:
  // Waits for a turn alone. kCancelled when `*stop` (may be nullptr) becomes true meanwhile, kInvalid where this thread
  // has a turn already and would wait for itself.
  Status Enter(const std::atomic<bool>* stop);
  void Leave();

  // Runs the rows, of conversations that this thread writes, in a turn of their own or in somebody else's, commits
  // them, and lets `use` have the logits. The caller holds no turn. Each has a status of its own, whatever becomes of
  // its companions: kExhausted, kCancelled (nothing is committed). A pass for which there is no room is run for each
  // alone. At most Decoder::kMaxSequences.
  void Run(EngineParts* parts, std::span<SharedRows* const> rows);

  // Conversations that write at the moment: readers take short slices then, and a pass waits an instant for those that
  // were in the last ones.
  [[nodiscard]] int num_writing() const { return num_writing_.load(std::memory_order_relaxed); }
  class WritingScope {
   public:
    explicit WritingScope(Workshop* workshop) : workshop_(workshop) { ++workshop_->num_writing_; }
    ~WritingScope() { --workshop_->num_writing_; }
    WritingScope(const WritingScope&) = delete;
    WritingScope& operator=(const WritingScope&) = delete;

   private:
    Workshop* workshop_;
  };

 private:
  struct Turn {
    SharedRows* rows = nullptr;  // nullptr: alone
    const std::atomic<bool>* stop = nullptr;
    bool is_running = false;
    bool is_done = false;
  };

  class RunningScope;

  [[nodiscard]] Status CheckNotHeld() const;
  // Whose turn is next: after one alone a token's, so that those who write wait for one slice of reading, not for one
  // of each who reads.
  [[nodiscard]] const Turn* Next() const THIMBLE_REQUIRES(mutex_);
  // Waits until one of the turns is next (true), or all are done. Those that are cancelled meanwhile are done, and out
  // of the queue.
  bool WaitFor(std::span<Turn> turns) THIMBLE_REQUIRES(mutex_);
  [[nodiscard]] bool IsNext(std::span<const Turn> turns) const THIMBLE_REQUIRES(mutex_);
  void TakeOutStopped(std::span<Turn> turns) THIMBLE_REQUIRES(mutex_);
  [[nodiscard]] std::size_t NumSharedWaiting() const THIMBLE_REQUIRES(mutex_);
  void WaitForCompanions() THIMBLE_REQUIRES(mutex_);
  void RunQueued(EngineParts* parts) THIMBLE_REQUIRES(mutex_);
  static void RunTogether(EngineParts* parts, std::span<Turn* const> turns);
  static Status RunAlone(EngineParts* parts, SharedRows* rows);
  static Status Use(EngineParts* parts, SharedRows* rows, std::int64_t row);
  // One pass; what became of it. Where it failed, no state was changed.
  static Status RunRows(EngineParts* parts, std::span<Turn* const> turns);
  void Remove(const Turn* turn) THIMBLE_REQUIRES(mutex_);

  Mutex mutex_;
  Signal changed_;
  std::deque<Turn*> queue_ THIMBLE_GUARDED_BY(mutex_);  // in the order in which they came; those that run included
  bool is_taken_ THIMBLE_GUARDED_BY(mutex_) = false;
  bool was_alone_ THIMBLE_GUARDED_BY(mutex_) = false;        // the last turn
  std::size_t num_expected_ THIMBLE_GUARDED_BY(mutex_) = 0;  // tokens that came together lately
  std::atomic<int> num_writing_{0};
  std::atomic<const void*> holder_{nullptr};  // marks the thread that has the turn; nullptr: none
};

}  // namespace thimble
