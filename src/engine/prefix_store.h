// SPDX-License-Identifier: Apache-2.0
// PrefixStore: beginnings of prompts that were read, for all sessions of an engine: a system prompt, tools, a document
// or a picture is read once.
#pragma once

#include "engine/prompt.h"
#include "model/state.h"
#include "sys/mutex.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace thimble {

// Holds checkpoints at lengths that are multiples of 64, where a pass may be cut without changing a bit, of tokens that
// were all *read* from the first one on. So whether a session begins with one of them or reads the same tokens itself
// makes no difference to any bit, and what is held or dropped changes nobody's replies. Safe to use from any thread.
class PrefixStore {
 public:
  // Where beginnings may end.
  static constexpr std::int64_t kStride = 64;
  // Beginnings at most, whatever the budget: they are looked through one by one. The states of real models fill the
  // budget long before.
  static constexpr std::size_t kMostEntries = 256;

  // `budget` in bytes, of keys, values and recurrent states; 0: nothing is kept.
  explicit PrefixStore(std::uint64_t budget) : budget_(budget) {}
  void SetBudget(std::uint64_t budget);
  // Drops everything.
  void Clear();

  // Whether anything is kept at all.
  [[nodiscard]] bool keeps_any() const;
  // The longest beginning of `wanted` that is held, of at most `limit` tokens.
  std::optional<Checkpoint> Find(std::span<const PromptKey> wanted, std::int64_t limit);
  // Whether a beginning of exactly these tokens would be kept: none is, and the budget is large enough for one.
  [[nodiscard]] bool Wants(std::span<const PromptKey> keys, std::uint64_t recurrent_bytes) const;
  // Keeps the beginning of which the checkpoint was made. Where that makes too many bytes, others go, or this one: of
  // those that no longer one goes on from, the one that is worth least: the tokens that would have to be read again,
  // and how long ago it was used (so many short requests do not push out a long conversation, but a long idle one goes
  // in the end).
  void Keep(std::span<const PromptKey> keys, Checkpoint checkpoint);

  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::vector<PromptKey> keys;
    Checkpoint checkpoint;
    double worth = 0;  // higher: kept longer
  };

  [[nodiscard]] const Entry* FindExactly(std::span<const PromptKey> keys) const THIMBLE_REQUIRES(mutex_);
  [[nodiscard]] bool IsLeaf(const Entry& entry) const THIMBLE_REQUIRES(mutex_);
  // Tokens beyond the longest other beginning of it.
  [[nodiscard]] std::int64_t OwnTokens(const Entry& entry) const THIMBLE_REQUIRES(mutex_);
  void Touch(Entry* entry) THIMBLE_REQUIRES(mutex_) { entry->worth = clock_ + static_cast<double>(OwnTokens(*entry)); }
  void Count(const Entry& entry, bool is_added) THIMBLE_REQUIRES(mutex_);
  void DropLeast() THIMBLE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::uint64_t budget_ THIMBLE_GUARDED_BY(mutex_);
  std::vector<Entry> entries_ THIMBLE_GUARDED_BY(mutex_);
  std::unordered_map<const void*, int> page_users_ THIMBLE_GUARDED_BY(mutex_);
  std::uint64_t bytes_ THIMBLE_GUARDED_BY(mutex_) = 0;
  double clock_ THIMBLE_GUARDED_BY(mutex_) =
      0;  // the worth of what was dropped last: what is used now is worth more by its own tokens
};

}  // namespace thimble
