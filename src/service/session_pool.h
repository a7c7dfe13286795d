// SPDX-License-Identifier: Apache-2.0
// SessionPool: conversations that nobody writes in at present, kept for what they remember: the next question of one of
// them finds all but its own words read.
#pragma once

#include "engine/engine.h"
#include "engine/prompt.h"
#include "engine/session.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace thimble::service {

class SessionPool {
 public:
  explicit SessionPool(std::size_t most) : most_(most) {}

  // The session that remembers most of the prompt, or a new one. A request that none remembers much of takes the place
  // of what was used longest ago, and of a short conversation rather than of a long one, so that a side request (a
  // title, a tag) does not cost a chat its beginning. kExhausted where there is no memory for one even so.
  Result<std::unique_ptr<Session>> Take(const Engine& engine, const Prompt& prompt);
  void GiveBack(std::unique_ptr<Session> session);
  void Clear() { idle_.clear(); }
  [[nodiscard]] std::size_t size() const { return idle_.size(); }

 private:
  [[nodiscard]] std::size_t LeastWorth() const;

  struct Idle {
    std::unique_ptr<Session> session;
    double worth = 0;  // as PrefixStore's: higher is kept longer
  };
  std::size_t most_;
  std::vector<Idle> idle_;
  double clock_ = 0;  // the worth of what was dropped last
};

}  // namespace thimble::service
