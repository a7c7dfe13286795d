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

Status Workshop::WaitFor(Turn* turn) {
  while (!turn->is_done && (is_taken_ || queue_.front() != turn)) {
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
  queue_.pop_front();
  is_taken_ = true;
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

// With the mutex held, the turn taken.
void Workshop::WaitForCompanions() {
  const auto is_missing = [this] { return NumSharedWaiting() < static_cast<std::size_t>(num_writing()); };
  if (!is_missing()) return;
  const double deadline = MonotonicSeconds() + kCompanionSeconds;
  while (is_missing() && MonotonicSeconds() < deadline) {
    mutex_.Unlock();
    Yield();
    mutex_.Lock();
  }
}

Status Workshop::Run(EngineParts* parts, SharedRows* rows, const std::atomic<bool>* stop) {
  THIMBLE_RETURN_IF_ERROR(CheckNotHeld());
  if (IsStopped(stop)) return Cancelled();
  Turn own;
  own.rows = rows;
  own.stop = stop;
  const MutexLock lock(&mutex_);
  queue_.push_back(&own);
  THIMBLE_RETURN_IF_ERROR(WaitFor(&own));
  if (own.is_done) return rows->status;

  is_taken_ = true;
  WaitForCompanions();
  std::array<Turn*, Decoder::kMaxSequences> turns;
  std::size_t count = 0;
  for (Turn* turn : queue_) {
    if (turn->rows == nullptr || count == turns.size()) continue;
    turn->is_running = true;
    turns[count++] = turn;
  }
  holder_.store(ThisThread(), std::memory_order_relaxed);
  mutex_.Unlock();
  RunTogether(parts, std::span(turns).first(count));
  mutex_.Lock();
  holder_.store(nullptr, std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    Remove(turns[i]);
    turns[i]->is_done = true;
  }
  is_taken_ = false;
  changed_.Broadcast();
  return rows->status;
}

void Workshop::RunTogether(EngineParts* parts, std::span<Turn* const> turns) {
  const Decoder decoder(&parts->config, &parts->weights);
  const Ops ops{*parts->table, *parts->pool, parts->precision};
  // One that has no room is refused by itself.
  std::array<Turn*, Decoder::kMaxSequences> able;
  std::array<Sequence, Decoder::kMaxSequences> sequences;
  std::size_t count = 0;
  for (Turn* turn : turns) {
    turn->rows->status = ExhaustedIfNoMemory([&] { return decoder.Reserve(*turn->rows->batch, turn->rows->state); });
    if (!turn->rows->status.ok()) continue;
    able[count] = turn;
    sequences[count++] = {turn->rows->batch, turn->rows->state};
  }
  if (count == 0) return;
  // A pass of one stops when that one is cancelled; a shared one goes on for the others.
  parts->pool->StopWhen(count == 1 ? able[0]->stop : nullptr);
  const ScreenCounts before = parts->scratch.screen.counts();
  const Status status =
      ExhaustedIfNoMemory([&] { return decoder.Forward(std::span(sequences).first(count), &parts->scratch, ops); });
  parts->pool->StopWhen(nullptr);
  if (count == 1 && able[0]->rows->screened != nullptr)
    *able[0]->rows->screened += parts->scratch.screen.counts().Since(before);
  for (std::size_t i = 0; i < count; ++i) {
    SharedRows& rows = *able[i]->rows;
    rows.status = status;
    if (!status.ok()) continue;
    rows.state->CommitAll();
    rows.status = ExhaustedIfNoMemory([&]() -> Status {
      rows.use(parts->scratch.logits().RowSpan(static_cast<std::int64_t>(i)));
      return Done{};
    });
  }
}

}  // namespace thimble
