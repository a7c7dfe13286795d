// SPDX-License-Identifier: Apache-2.0
// Codes that open the page once: in place of the token where others may read along, as the arguments of the program
// that opens a browser are read.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::server {

// A code that whoever has `token` can draw, and that is good for a minute from `now` (seconds since 1970): 106
// hexadecimal digits that say until when, something random, and a keyed hash of both. So a second program of the same
// user can open the page of a server that runs already. kSystem: the system gives no random numbers.
Result<std::string> DrawOpeningCode(const std::string& token, std::int64_t now);

// Takes each code once. One thread.
class OpeningCodes {
 public:
  explicit OpeningCodes(std::string token) : token_(std::move(token)) {}

  enum class Verdict {
    kRight,
    kWrong,    // none of this token's, too old, or used
    kTooMany,  // ten were wrong within a minute: the next one is looked at a minute after the first of them
  };
  // In a time that says nothing of how much of a code is right.
  Verdict Take(std::string_view code, std::int64_t now);
  [[nodiscard]] const std::string& token() const { return token_; }

 private:
  [[nodiscard]] bool IsRight(std::string_view code, std::int64_t now);

  std::string token_;
  std::vector<std::pair<std::string, std::int64_t>> used_;  // what is random in them, and until when they were good
  std::int64_t window_begin_ = 0;
  int num_wrong_ = 0;
};

}  // namespace thimble::server
