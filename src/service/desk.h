// SPDX-License-Identifier: Apache-2.0
// Desk: requests that need the model, from the moment they are let in until they are answered; who is next, who shares
// a pass, and which model is open.
#pragma once

#include "base/result.h"
#include "service/carrier_parts.h"
#include "service/job.h"
#include "service/live_model.h"
#include "service/session_pool.h"
#include "sys/mutex.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace thimble::service {

struct DeskOptions {
  std::string model;            // that answers where a request names none; empty: none is opened before one is named
  int parallel = 4;             // requests that are read and written at the same time
  int queue = 64;               // requests that may wait besides
  bool is_strict = false;       // names of no model here are refused; else the open model answers them
  double idle_seconds = 0;      // without a request, after which the model's memory is given back; 0: never
  double step_seconds = 0;      // after which a step ends between two layers; 0: passes are taken whole
  FilterMaker filter_for = {};  // may be empty
};

// What there is to tell of it.
struct DeskState {
  std::shared_ptr<LiveModel> live;  // nullptr: none is open
  std::string model;                // that is open, or will be
  double loading = 0;               // the share of it that is read; 1: open
  bool is_opening = false;          // it is being opened at present
  std::optional<Error> failure;     // why none is open
  std::string failed_model;         // that could not be opened the last time somebody wanted one; empty: none
  std::string failed_why;
  Code failed_code = Code::kSystem;
  std::size_t active = 0;
  std::size_t waiting = 0;
  std::uint64_t answered = 0;
  std::uint64_t cancelled = 0;
  bool was_open = false;     // a model was, and its memory was given back
  std::uint64_t passes = 0;  // steps, and the answers that they were for
  std::uint64_t pass_rows = 0;
  std::uint64_t most_tokens = 0;    // that a conversation had
  std::uint64_t cached_tokens = 0;  // that were remembered
  std::uint64_t prompt_tokens = 0;  // read, without what was remembered
  std::uint64_t tokens = 0;         // written
  double prompt_seconds = 0;
  double seconds = 0;
};

// Pump: one thread. Close: where nobody calls Pump. All else: any thread.
class Desk {
 public:
  Desk(DeskOptions options, ModelShelf* shelf, std::function<void()> wake);

  // Lets the request in: it counts from now on, and Ready or Leave must follow. 429 when too many wait, 404 and 409 for
  // a model that there is none of, or that cannot be changed to now.
  std::optional<Fault> Admit(const std::shared_ptr<Job>& job);
  // All is done for it that can be done before its turn.
  void Ready(std::shared_ptr<Job> job);
  // It was answered before its turn.
  void Leave(const Job& job);
  // Nobody waits for the answer any more.
  void Cancel(RequestId id);
  // The answer ends with what there is of it, as one that was cancelled.
  void Stop(RequestId id);
  // Every answer ends so, at once.
  void Close();

  // Opens a model before somebody asks it, in place of the one that is open. 404: there is none of that name; 409 while
  // somebody is being answered, or another one is being opened.
  std::optional<Fault> Switch(const std::string& name);
  // Gives the model's memory back; the next request opens it again. 409 while somebody is being answered, or it is
  // being opened.
  std::optional<Fault> Unload();

  // Where none is open and nobody waits for one, `name` is not the one to be opened any more. Only of a desk that began
  // without a model. Whether it is none that answers or will answer.
  bool Forget(const std::string& name);

  // Does one thing: opens a model, or takes a step of all who write and one who reads, of at most some 0.3 s or a
  // little more than step_seconds. True: there is more to do at once. Else in PumpDue() seconds, or when `wake` was
  // called.
  bool Pump();
  [[nodiscard]] double PumpDue() const;

  [[nodiscard]] DeskState State() const;
  [[nodiscard]] std::shared_ptr<LiveModel> live() const;

 private:
  bool OpenModel();
  Result<std::shared_ptr<LiveModel>> Open(const std::string& name);
  void CloseModel();
  [[nodiscard]] std::optional<Fault> BusyFault(const std::string& name) const THIMBLE_REQUIRES(mutex_);
  // What OpenModel is to do: open the model of that name, none ("": only close), or nothing.
  [[nodiscard]] std::optional<std::string> ToOpen() THIMBLE_REQUIRES(mutex_);
  void StartWaiting();
  // False: there is no memory for it until others are done; it waits on.
  bool Start(const std::shared_ptr<Job>& job);
  void TellWaiting();
  bool StepActive();
  void FinishDone();
  void Finish(Job* job);
  bool Tell(Job* job, const Event& event) const;
  void TellEvent(Job* job, const Event& event) const;
  void FailAll(const Fault& fault);
  void Remove(const Job& job);

  const DeskOptions options_;
  ModelShelf* const shelf_;
  const std::function<void()> wake_;

  // Pump's alone.
  std::vector<std::shared_ptr<Job>> active_;
  SessionPool pool_;
  double last_active_ = 0;

  mutable Mutex mutex_;
  std::unordered_map<RequestId, std::shared_ptr<Job>> jobs_ THIMBLE_GUARDED_BY(mutex_);  // all that were let in
  std::deque<std::shared_ptr<Job>> waiting_ THIMBLE_GUARDED_BY(mutex_);                  // those that are ready
  std::string wanted_ THIMBLE_GUARDED_BY(mutex_);                                        // the model that is to be open
  std::string previous_ THIMBLE_GUARDED_BY(mutex_);      // that was, before one was changed to
  bool opens_soon_ THIMBLE_GUARDED_BY(mutex_) = false;   // without a request
  bool closes_soon_ THIMBLE_GUARDED_BY(mutex_) = false;  // also
  DeskState state_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble::service
