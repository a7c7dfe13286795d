// SPDX-License-Identifier: Apache-2.0
// A session's memory in one number, for tests that compare sessions bit for bit.
#pragma once

#include "base/checksum.h"
#include "engine/session_memory.h"

#include <cstdint>
#include <span>

namespace thimble {

class StateInspector {
 public:
  // The recurrent half that is committed: every token, and every bit of every token's keys, has left its mark on it.
  static std::span<const float> Recurrent(const DecoderState& state) {
    return state.halves_[state.committed_half_].span();
  }
};

class SessionInspector {
 public:
  static const DecoderState& StateOf(const Session& session) { return session.memory_->state; }
};

namespace testing {

inline std::uint64_t StateBits(const Session& session) {
  return Checksum(std::as_bytes(StateInspector::Recurrent(SessionInspector::StateOf(session))));
}

}  // namespace testing
}  // namespace thimble
