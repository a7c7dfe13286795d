// SPDX-License-Identifier: Apache-2.0
// What a session remembers between requests, for the engine's own files.
#pragma once

#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "model/state.h"

#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace thimble {

struct Session::Memory {
  Memory(std::shared_ptr<const Engine> owner, EngineParts* engine_parts)
      : engine(std::move(owner)), parts(engine_parts) {}

  // Makes room for `context` tokens; once. kExhausted with what would fit.
  Status Begin(int context);
  void Clear();
  // Brings the state to the longest beginning of `wanted` that it can continue from, of at most `limit` tokens: of what
  // this session itself held, or else of what any session read.
  void RewindTo(std::span<const PromptKey> wanted, std::int64_t limit);
  // Tokens at the beginning of `wanted` that the state holds, of at most `limit`; and the longest checkpoint of at most
  // `length` tokens.
  [[nodiscard]] std::int64_t CommonWith(std::span<const PromptKey> wanted, std::int64_t limit) const;
  [[nodiscard]] std::int64_t CheckpointWithin(std::int64_t length) const;
  // The tokens were read, and the state holds them now.
  void Append(std::span<const PromptKey> read);
  // For this session's next turn.
  void KeepCheckpoint();
  // For all sessions, where what the state holds was read throughout.
  void ShareBeginning();
  // What the conversation has not taken yet, for the budget; after its length has changed.
  void CountTaken();

  std::shared_ptr<const Engine> engine;  // keeps it alive
  EngineParts* parts;
  MemoryBudget::Promise to_come;  // keys, values and checkpoints that are not there yet
  DecoderState state;
  std::vector<PromptKey> keys;  // of every token that the state holds
  // Tokens from the first on that were read in passes that were cut at multiples of PrefixStore::kStride only.
  std::int64_t num_shareable = 0;
  std::vector<Checkpoint> checkpoints;
  std::atomic<bool> is_busy{false};  // a Generation or Evaluate runs

 private:
  // That so many tokens and checkpoints take, without the two halves that are always there.
  [[nodiscard]] std::uint64_t BytesOf(std::int64_t tokens, std::size_t num_checkpoints) const;
};

// Whether a session is free, and that it is not as long as this lives.
class BusyScope {
 public:
  explicit BusyScope(std::atomic<bool>* is_busy) : is_busy_(is_busy->exchange(true) ? nullptr : is_busy) {}
  ~BusyScope() {
    if (is_busy_ != nullptr) is_busy_->store(false);
  }
  BusyScope(const BusyScope&) = delete;
  BusyScope& operator=(const BusyScope&) = delete;
  [[nodiscard]] Status status() const {
    if (is_busy_ != nullptr) return Done{};
    return Error{Code::kInvalid, "[session] a reply is being written in it: wait for its end, or use another session"};
  }

 private:
  std::atomic<bool>* is_busy_;
};

}  // namespace thimble
