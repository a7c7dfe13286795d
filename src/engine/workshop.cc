// SPDX-License-Identifier: Apache-2.0
#include "engine/workshop.h"

#include "base/no_memory.h"
#include "engine/engine_parts.h"
#include "sys/machine.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {

// How long a wait goes on without looking whether it was cancelled (which may happen in a signal handler, where nobody
// can be woken).
constexpr double kLookAgainSeconds = 0.02;
// Others that write come back from their listeners within microseconds, woken by the end of the last pass. Longer than
// this nobody is waited for; a token takes some ten milliseconds.
constexpr double kCompanionSeconds = 300e-6;

// An address that only this thread has.
const void* ThisThread() {
  static thread_local char mark = 0;
  return &mark;
}

bool IsStopped(const std::atomic<bool>* stop) { return stop != nullptr && stop->load(std::memory_order_relaxed); }

Error Cancelled() { return Error{Code::kCancelled, "[engine] cancelled"}; }

}  // namespace

Status Workshop::CheckNotHeld() const {
  if (holder_.load(std::memory_order_relaxed) != ThisThread()) return Done{};
  return Error{Code::kInvalid,
               "[engine] this was called by a listener whose caller still computes: call it when that has returned"};
}

void Workshop::Remove(const Turn* turn) { std::erase(queue_, turn); }

const Workshop::Turn* Workshop::Next() const {
  const auto is_token = [](const Turn* turn) { return turn->rows != nullptr; };
  if (was_alone_) {
    if (const auto token = std::find_if(queue_.begin(), queue_.end(), is_token); token != queue_.end()) return *token;
  }
  return queue_.front();
}

Status Workshop::WaitFor(Turn* turn) {
  while (!turn->is_done && (is_taken_ || Next() != turn)) {
    if (!turn->is_running && IsStopped(turn->stop)) {
      Remove(turn);
      changed_.Broadcast();
      return Cancelled();
    }
    changed_.WaitWithin(&mutex_, kLookAgainSeconds);
  }
  return Done{};
}

Status Workshop::Enter(const std::atomic<bool>* stop) {
  THIMBLE_RETURN_IF_ERROR(CheckNotHeld());
  if (IsStopped(stop)) return Cancelled();
  Turn turn;
  turn.stop = stop;
  const MutexLock lock(&mutex_);
  queue_.push_back(&turn);
  THIMBLE_RETURN_IF_ERROR(WaitFor(&turn));
  Remove(&turn);
  is_taken_ = true;
  was_alone_ = true;
  holder_.store(ThisThread(), std::memory_order_relaxed);
  return Done{};
}

void Workshop::Leave() {
  const MutexLock lock(&mutex_);
  is_taken_ = false;
  holder_.store(nullptr, std::memory_order_relaxed);
  changed_.Broadcast();
}

std::size_t Workshop::NumSharedWaiting() const {
  return static_cast<std::size_t>(
      std::count_if(queue_.begin(), queue_.end(), [](const Turn* turn) { return turn->rows != nullptr; }));
}

// With the mutex held, the turn taken. Those who came together lately come back from their listeners at about the same
// time, so they are waited for; one that does not come in time is waited for no more until it is seen beside the others
// again.
void Workshop::WaitForCompanions() {
  const std::size_t expected = std::min(num_expected_, static_cast<std::size_t>(std::max(0, num_writing())));
  if (NumSharedWaiting() >= expected) return;
  const double deadline = MonotonicSeconds() + kCompanionSeconds;
  while (NumSharedWaiting() < expected && MonotonicSeconds() < deadline) {
    mutex_.Unlock();
    Yield();
    mutex_.Lock();
  }
  num_expected_ = NumSharedWaiting();
}

// The turn while its pass runs, with the mutex given up: whatever happens in there, the queue is in order afterwards
// and nobody waits for ever.
class Workshop::RunningScope {
 public:
  RunningScope(Workshop* workshop, EngineParts* parts, std::span<Turn* const> turns)
      : workshop_(workshop), parts_(parts), turns_(turns) {
    workshop_->holder_.store(ThisThread(), std::memory_order_relaxed);
    workshop_->mutex_.Unlock();
  }
  ~RunningScope() {
    parts_->pool->StopWhen(nullptr);
    workshop_->mutex_.Lock();
    workshop_->holder_.store(nullptr, std::memory_order_relaxed);
    for (Turn* turn : turns_) {
      workshop_->Remove(turn);
      turn->is_done = true;
    }
    workshop_->is_taken_ = false;
    workshop_->changed_.Broadcast();
  }
  RunningScope(const RunningScope&) = delete;
  RunningScope& operator=(const RunningScope&) = delete;

 private:
  Workshop* workshop_;
  EngineParts* parts_;
  std::span<Turn* const> turns_;
};

Status Workshop::Run(EngineParts* parts, SharedRows* rows, const std::atomic<bool>* stop) {
  THIMBLE_RETURN_IF_ERROR(CheckNotHeld());
  if (IsStopped(stop)) return Cancelled();
  Turn own;
  own.rows = rows;
  own.stop = stop;
  rows->status = Error{Code::kSystem, "not run"};  // until somebody has
  const MutexLock lock(&mutex_);
  queue_.push_back(&own);
  num_expected_ = std::max(num_expected_, NumSharedWaiting());
  THIMBLE_RETURN_IF_ERROR(WaitFor(&own));
  if (own.is_done) return rows->status;

  is_taken_ = true;
  was_alone_ = false;
  WaitForCompanions();
  std::array<Turn*, Decoder::kMaxSequences> turns;
  std::size_t count = 0;
  for (Turn* turn : queue_) {
    if (turn->rows == nullptr || count == turns.size()) continue;
    turn->is_running = true;
    turns[count++] = turn;
  }
  {
    const std::span<Turn* const> all = std::span(turns).first(count);
    const RunningScope running(this, parts, all);
    RunTogether(parts, all);
  }
  return rows->status;
}

void Workshop::RunTogether(EngineParts* parts, std::span<Turn* const> turns) {
  // One that has no room is refused by itself.
  const Decoder decoder(&parts->config, &parts->weights);
  std::array<Turn*, Decoder::kMaxSequences> able;
  std::size_t count = 0;
  for (Turn* turn : turns) {
    turn->rows->status = ExhaustedIfNoMemory([&] { return decoder.Reserve(*turn->rows->batch, turn->rows->state); });
    if (turn->rows->status.ok()) able[count++] = turn;
  }
  if (count == 0) return;
  const std::span<Turn* const> all = std::span(able).first(count);
  // What a listener's own use of the logits runs out of is its own: only a pass that did not take place is run again.
  const Status pass = RunRows(parts, all);
  if (count == 1 || pass.ok() || pass.error().code != Code::kExhausted) return;
  for (Turn* const& turn : all) (void)RunRows(parts, {&turn, 1});
}

Status Workshop::RunRows(EngineParts* parts, std::span<Turn* const> turns) {
  const Decoder decoder(&parts->config, &parts->weights);
  const Ops ops{*parts->table, *parts->pool, parts->precision};
  std::array<Sequence, Decoder::kMaxSequences> sequences;
  for (std::size_t i = 0; i < turns.size(); ++i) sequences[i] = {turns[i]->rows->batch, turns[i]->rows->state};
  // A pass of one stops when that one is cancelled; a shared one goes on for the others.
  parts->pool->StopWhen(turns.size() == 1 ? turns[0]->stop : nullptr);
  const ScreenCounts before = parts->scratch.screen.counts();
  Status status = ExhaustedIfNoMemory(
      [&] { return decoder.Forward(std::span(sequences).first(turns.size()), &parts->scratch, ops); });
  parts->pool->StopWhen(nullptr);
  if (turns.size() == 1 && turns[0]->rows->screened != nullptr)
    *turns[0]->rows->screened += parts->scratch.screen.counts().Since(before);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    SharedRows& rows = *turns[i]->rows;
    rows.status = ExhaustedIfNoMemory([&]() -> Status {
      if (!status.ok()) return status.error();
      rows.state->CommitAll();
      rows.use(parts->scratch.logits().RowSpan(static_cast<std::int64_t>(i)));
      return Done{};
    });
  }
  return status;
}

}  // namespace thimble
