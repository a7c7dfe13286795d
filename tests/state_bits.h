// SPDX-License-Identifier: Apache-2.0
// A session's memory in one number, for tests that compare sessions bit for bit.
#pragma once

#include "base/checksum.h"
#include "engine/session_memory.h"

#include <cstdint>

namespace thimble {

class SessionInspector {
 public:
  static const DecoderState& StateOf(const Session& session) { return session.memory_->state; }
};

namespace testing {

// Of the recurrent half that is committed: every token, and every bit of every token's keys, has left its mark on it.
inline std::uint64_t StateBits(const Session& session) {
  std::uint64_t bits = 0;
  SessionInspector::StateOf(session).ForEachPart([&bits](const StatePart& part) {
    if (part.kind == StatePart::Kind::kRecurrent) bits = Checksum(part.bytes);
  });
  return bits;
}

}  // namespace testing
}  // namespace thimble
