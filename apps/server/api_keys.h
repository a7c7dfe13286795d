// SPDX-License-Identifier: Apache-2.0
// Keys that clients show: kept as hashes, compared in a time that says nothing, guessed slowly.
#pragma once

#include "base/result.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::server {

class ApiKeys {
 public:
  ApiKeys() = default;
  // One key a line; blank lines and those that begin with '#' say nothing. kInvalid: others than its owner may read the
  // file, it belongs to somebody else, or holds no key or one shorter than 8 or longer than 1,024 characters.
  static Result<ApiKeys> Read(const std::string& path);

  void Add(std::string_view key);
  [[nodiscard]] bool empty() const { return hashes_.empty(); }
  // Takes the same time for every key of one length, whichever and whether one is right.
  [[nodiscard]] bool Accepts(std::string_view key) const;

 private:
  std::vector<std::string> hashes_;  // SHA-256
};

// How long the answer to a wrong key waits. Two within a minute are people's mistakes; from the third on each waits,
// and behind the ones before it, so that many connections guess no faster than one.
class FailureDelay {
 public:
  using Clock = std::chrono::steady_clock;
  Clock::duration Next(Clock::time_point now);

 private:
  Clock::time_point window_begin_;
  int num_in_window_ = 0;
  Clock::time_point last_answer_;
};

}  // namespace thimble::server
