// SPDX-License-Identifier: Apache-2.0
#include "server/api_keys.h"

#include "base/sha256.h"
#include "base/text.h"
#include "server/private_file.h"

#include <algorithm>

namespace thimble::server {

namespace {
constexpr std::size_t kShortest = 8;
constexpr std::size_t kLongest = 1024;
constexpr std::size_t kMostBytes = 1 << 20;
}  // namespace

Result<ApiKeys> ApiKeys::Read(const std::string& path) {
  THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadPrivateFile(path, kMostBytes));
  ApiKeys keys;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    constexpr std::string_view kBlanks = " \t\r";
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlanks) + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.size() < kShortest || line.size() > kLongest) {
      return Error{Code::kInvalid, Cat("[keys] ", path, ": a key has ", kShortest, " to ", kLongest,
                                       " characters, found one of ", line.size())};
    }
    const bool is_plain = std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!is_plain) return Error{Code::kInvalid, Cat("[keys] ", path, ": a key is one word of printable ASCII")};
    keys.Add(line);
  }
  if (keys.empty()) return Error{Code::kInvalid, Cat("[keys] ", path, " holds no key; write one a line")};
  return keys;
}

void ApiKeys::Add(std::string_view key) { hashes_.push_back(Sha256Of(key)); }

bool ApiKeys::Accepts(std::string_view key) const {
  const std::string offered = Sha256Of(key);
  unsigned num_equal = 0;
  for (const std::string& hash : hashes_) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < hash.size(); ++i) {
      difference |= static_cast<unsigned>(static_cast<unsigned char>(hash[i]) ^ static_cast<unsigned char>(offered[i]));
    }
    num_equal += (difference - 1) >> 31;  // 1 for 0, 0 for 1 to 255, without a branch
  }
  return num_equal != 0;
}

FailureDelay::Clock::duration FailureDelay::Next(Clock::time_point now) {
  constexpr auto kWindow = std::chrono::minutes(1);
  constexpr int kFree = 2;
  constexpr Clock::duration kDelay = std::chrono::milliseconds(200);
  constexpr Clock::duration kMostDelay = std::chrono::seconds(5);
  if (num_in_window_ == 0 || now - window_begin_ > kWindow) {
    window_begin_ = now;
    num_in_window_ = 0;
  }
  if (++num_in_window_ <= kFree) return Clock::duration::zero();
  const Clock::time_point answer = std::min(std::max(now, last_answer_) + kDelay, now + kMostDelay);
  last_answer_ = answer;
  return answer - now;
}

}  // namespace thimble::server
