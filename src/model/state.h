// SPDX-License-Identifier: Apache-2.0
// What one conversation remembers: attention keys and values, and the recurrent state of delta layers.
#pragma once

#include "base/buffer.h"
#include "base/result.h"
#include "model/config.h"
#include "ops/attention.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thimble {

// The recurrent half of a DecoderState at one length. Keys and values need no copy: they are append-only, so returning
// to an earlier length only truncates them.
class Checkpoint {
 public:
  [[nodiscard]] int length() const { return length_; }
  [[nodiscard]] std::size_t size_bytes() const { return floats_.size_bytes(); }

 private:
  friend class DecoderState;
  int length_ = 0;
  Buffer<float> floats_;
};

// Not thread-safe: belongs to the one session that owns it.
class DecoderState {
 public:
  // Passes of at most this many rows may be committed in part; longer ones are kept whole or dropped whole.
  static constexpr int kMaxPartialRows = 32;

  // KV pages are added as the conversation grows, up to `max_tokens`; all else is allocated here.
  static Result<DecoderState> Create(const ModelConfig& config, int max_tokens, KvType kv_type);

  [[nodiscard]] int length() const { return length_; }  // tokens committed
  [[nodiscard]] int num_pending() const { return num_pending_; }
  [[nodiscard]] int max_tokens() const { return max_tokens_; }
  [[nodiscard]] std::uint64_t size_bytes() const;

  // Appending is a transaction. Decoder::Forward leaves its tokens pending; Commit keeps the first `num_tokens` of them
  // and drops the rest (0 drops all). A second Forward before Commit is a bug of the caller.
  void Commit(int num_tokens);

  Result<Checkpoint> Save() const;
  // Back to the checkpoint's length, which must be one this state has been at, on the same tokens.
  void Restore(const Checkpoint& checkpoint);
  // Back to length 0.
  void Clear();

 private:
  friend class Decoder;
  DecoderState() = default;
  int length_ = 0;
  int num_pending_ = 0;
  int max_tokens_ = 0;
  // (buffers are the implementer's)
};

}  // namespace thimble
