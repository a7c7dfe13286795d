// SPDX-License-Identifier: Apache-2.0
// Generation: one reply in steps, so that whoever drives it can do other things in between: a server's thread for many
// replies at once, or a program that has one thread for everything. Session::Generate is a loop around it.
#pragma once

#include "base/result.h"
#include "engine/session.h"

#include <atomic>
#include <memory>
#include <span>

namespace thimble {

class Generation {
 public:
  // Checks the request and builds its prompt; nothing is read yet. The session, which must outlive this, is busy until
  // this is destroyed. The sink is called by whoever calls Step or Finish. Errors: what is wrong with the request, and
  // kInvalid for a session that is busy.
  static Result<std::unique_ptr<Generation>> Start(Session* session, GenerateRequest request, Sink sink);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Does one step: a piece of a picture, a pass of reading, or the next token (with what follows it in any case), in a
  // turn that is waited for. Threads that each take steps of their own share passes of writing. Where `deadline` (of
  // MonotonicSeconds; 0: none) is over, a pass of one conversation is left between two layers, and gone on with by the
  // next step; a pass that several share runs to its end. True: there is more to do.
  bool Step(double deadline = 0);
  // The same for several of one engine by one thread: one pass for all who write, then a step of the one of the others
  // that waited longest. True: one of them has more to do. At most Decoder::kMaxSequences.
  static bool StepTogether(std::span<Generation* const> generations, double deadline = 0);

  // Ends it as soon as it can be: between two of the pool's tasks, or before the next step. From any thread or signal
  // handler. A pass that others share runs to its end.
  void Cancel() { is_cancelled_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_done() const;
  // As far as it has come. By whoever steps it, in the sink too.
  [[nodiscard]] GenerateStats StatsSoFar() const;

  // The reply, once. One that is not done is cancelled. Errors as Session::Generate's; the session is as it was then.
  Result<Reply> Finish();

 private:
  friend class Session;
  struct Work;
  explicit Generation(std::unique_ptr<Work> work);
  // With the request left where it is, and `stop` in place of Cancel.
  static Result<std::unique_ptr<Generation>> Start(Session* session, std::shared_ptr<const GenerateRequest> request,
                                                   Sink sink, const std::atomic<bool>* stop);
  std::atomic<bool> is_cancelled_{false};
  std::unique_ptr<Work> work_;
};

}  // namespace thimble
