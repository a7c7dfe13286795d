// SPDX-License-Identifier: Apache-2.0
// Several conversations at once on one engine: how fast all of them write together, and whether one that reads holds
// the others up.
#pragma once

#include "base/result.h"
#include "engine/engine.h"

#include <functional>
#include <memory>
#include <vector>

namespace thimble {

struct SessionsReport {
  int count = 0;
  std::vector<double> one;    // tokens per second of one alone, of each round
  std::vector<double> all;    // of `count` together, all added up
  double longest_gap_ms = 0;  // between two tokens of one that writes, while another reads a prompt; 0: not measured
  int gap_prompt = 0;         // tokens of that prompt
};

// Measures one and `count` sessions in turns, `rounds` times after a round that does not count; each writes `tokens`
// tokens. Then lets one session read up to 2,048 tokens (as many as the context has room for) while the others write.
// Every session's tokens are held against those that it writes alone: kSystem if they differ. kCancelled when `goes_on`
// returns false; `progress` is told the share done.
Result<SessionsReport> MeasureSessions(const std::shared_ptr<const Engine>& engine, int count, int tokens, int rounds,
                                       const std::function<bool()>& goes_on,
                                       const std::function<void(double)>& progress);

}  // namespace thimble
