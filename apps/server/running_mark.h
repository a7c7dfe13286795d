// SPDX-License-Identifier: Apache-2.0
// How a second `thimble serve` of the same user finds the first one, without asking a port that anybody may listen on.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace thimble::server {

// The file `home`/serve-PORT with the server's address, locked as long as this lives; the system unlocks it for
// programs that die.
class RunningMark {
 public:
  // For a server that listens at `url`. kSystem, kExhausted: the file cannot be written.
  static Result<std::unique_ptr<RunningMark>> Leave(const std::string& home, std::uint16_t port,
                                                    const std::string& url);
  // The address of this user's server at `port`; nullopt: none runs, or under another THIMBLE_HOME.
  static std::optional<std::string> Find(const std::string& home, std::uint16_t port);

  virtual ~RunningMark() = default;  // removes the file
};

}  // namespace thimble::server
