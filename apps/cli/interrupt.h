// SPDX-License-Identifier: Apache-2.0
// Ctrl-C while something runs: the first one asks it to stop, the second one ends the program.
#pragma once

#include "engine/session.h"

namespace thimble::cli {

// Catches SIGINT as long as it lives. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // A Ctrl-C cancels this session from now on, until this object ends or watches another one (or nullptr).
  void Watch(Session* session);
  [[nodiscard]] static bool was_interrupted();
};

}  // namespace thimble::cli
