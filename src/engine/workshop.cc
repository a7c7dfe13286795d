// SPDX-License-Identifier: Apache-2.0
#include "engine/workshop.h"

#include "base/check.h"
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

void Workshop::TakeOutStopped(std::span<Turn> turns) {
  for (Turn& turn : turns) {
    if (turn.is_done || turn.is_running || !IsStopped(turn.stop)) continue;
    turn.is_done = true;
    Remove(&turn);
    changed_.Broadcast();
  }
}

bool Workshop::IsNext(std::span<const Turn> turns) const {
  if (is_taken_ || queue_.empty()) return false;
  const Turn* next = Next();
  return std::any_of(turns.begin(), turns.end(), [next](const Turn& turn) { return &turn == next; });
}

bool Workshop::WaitFor(std::span<Turn> turns) {
  const auto is_done = [](const Turn& turn) { return turn.is_done; };
  TakeOutStopped(turns);
  while (!std::all_of(turns.begin(), turns.end(), is_done)) {
    if (IsNext(turns)) return true;
    changed_.WaitWithin(&mutex_, kLookAgainSeconds);
    TakeOutStopped(turns);
  }
  return false;
}

Status Workshop::Enter(const std::atomic<bool>* stop) {
  THIMBLE_RETURN_IF_ERROR(CheckNotHeld());
  Turn turn;
  turn.stop = stop;
  const MutexLock lock(&mutex_);
  queue_.push_back(&turn);
  if (!WaitFor({&turn, 1})) return Cancelled();
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
  // The checker cannot follow a scope that gives up what another one holds.
  RunningScope(Workshop* workshop, EngineParts* parts, std::span<Turn* const> turns) THIMBLE_NO_THREAD_SAFETY_ANALYSIS
      : workshop_(workshop),
        parts_(parts),
        turns_(turns) {
    workshop_->holder_.store(ThisThread(), std::memory_order_relaxed);
    workshop_->mutex_.Unlock();
  }
  ~RunningScope() THIMBLE_NO_THREAD_SAFETY_ANALYSIS {
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

void Workshop::Run(EngineParts* parts, std::span<SharedRows* const> rows) {
  std::array<Turn, Decoder::kMaxSequences> own;
  THIMBLE_CHECK(rows.size() <= own.size());
  const std::span<Turn> turns = std::span(own).first(rows.size());
  const Status free = CheckNotHeld();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    turns[i].rows = rows[i];
    turns[i].stop = rows[i]->stop;
    rows[i]->is_left = false;
    rows[i]->status = free.ok() ? Status(Cancelled()) : free;  // until somebody has run it
  }
  if (!free.ok() || rows.empty()) return;
  const MutexLock lock(&mutex_);
  for (Turn& turn : turns) queue_.push_back(&turn);
  num_expected_ = std::max(num_expected_, NumSharedWaiting());
  while (WaitFor(turns)) RunQueued(parts);
}

// The turn is a token's: runs all tokens that wait.
void Workshop::RunQueued(EngineParts* parts) {
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
  const std::span<Turn* const> all = std::span(turns).first(count);
  const RunningScope running(this, parts, all);
  RunTogether(parts, all);
}

void Workshop::RunTogether(EngineParts* parts, std::span<Turn* const> turns) {
  const Decoder decoder(&parts->config, &parts->weights);
  std::array<Turn*, Decoder::kMaxSequences> able;
  std::size_t count = 0;
  for (Turn* turn : turns) {
    SharedRows& rows = *turn->rows;
    if (rows.left != nullptr && rows.left->is_begun()) {
      rows.status = RunAlone(parts, &rows);
      continue;
    }
    // One that has no room is refused by itself.
    rows.status = ExhaustedIfNoMemory([&] { return decoder.Reserve(*rows.batch, rows.state); });
    if (rows.status.ok()) able[count++] = turn;
  }
  if (count == 0) return;
  const std::span<Turn* const> all = std::span(able).first(count);
  if (count == 1) {
    able[0]->rows->status = RunAlone(parts, able[0]->rows);
    return;
  }
  // What a listener's own use of the logits runs out of is its own: only a pass that did not take place is run again.
  const Status pass = RunRows(parts, all);
  if (pass.ok() || pass.error().code != Code::kExhausted) return;
  for (Turn* const turn : all) turn->rows->status = RunAlone(parts, turn->rows);
}

Status Workshop::RunAlone(EngineParts* parts, SharedRows* rows) {
  const Decoder decoder(&parts->config, &parts->weights);
  const Ops ops{*parts->table, *parts->pool, parts->precision};
  std::function<bool()> goes_on;
  if (rows->deadline > 0 && rows->left != nullptr)
    goes_on = [deadline = rows->deadline] { return MonotonicSeconds() < deadline; };
  UnfinishedPass unused;
  const double begin = ProcessorSeconds();
  parts->pool->StopWhen(rows->stop);
  Status status = ExhaustedIfNoMemory([&]() -> Status {
    THIMBLE_ASSIGN_OR_RETURN(const bool is_done,
                             decoder.ForwardSome(*rows->batch, rows->state, &parts->scratch, ops, goes_on,
                                                 rows->left != nullptr ? rows->left : &unused));
    rows->is_left = !is_done;
    return Done{};
  });
  parts->pool->StopWhen(nullptr);
  rows->cpu_seconds += ProcessorSeconds() - begin;
  if (!status.ok() || rows->is_left) return status;
  return Use(parts, rows, 0);
}

// The pass took place: its rows become part of the state, and the logits are looked at.
Status Workshop::Use(EngineParts* parts, SharedRows* rows, std::int64_t row) {
  return ExhaustedIfNoMemory([&]() -> Status {
    rows->state->CommitAll();
    rows->use(parts->scratch.logits().RowSpan(row));
    return Done{};
  });
}

Status Workshop::RunRows(EngineParts* parts, std::span<Turn* const> turns) {
  const Decoder decoder(&parts->config, &parts->weights);
  const Ops ops{*parts->table, *parts->pool, parts->precision};
  std::array<Sequence, Decoder::kMaxSequences> sequences;
  std::int64_t num_rows = 0;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    sequences[i] = {turns[i]->rows->batch, turns[i]->rows->state};
    num_rows += turns[i]->rows->batch->num_rows();
  }
  // One that is cancelled does not stop the others.
  parts->pool->StopWhen(nullptr);
  const double begin = ProcessorSeconds();
  const Status status = ExhaustedIfNoMemory(
      [&] { return decoder.Forward(std::span(sequences).first(turns.size()), &parts->scratch, ops); });
  const double row_seconds = (ProcessorSeconds() - begin) / static_cast<double>(num_rows);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    SharedRows& rows = *turns[i]->rows;
    rows.cpu_seconds += row_seconds * static_cast<double>(rows.batch->num_rows());
    rows.status = status.ok() ? Use(parts, &rows, static_cast<std::int64_t>(i)) : status;
  }
  return status;
}

}  // namespace thimble
