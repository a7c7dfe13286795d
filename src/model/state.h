// SPDX-License-Identifier: Apache-2.0
// What one conversation remembers: attention keys and values, and the recurrent state of delta layers.
#pragma once

#include "base/buffer.h"
#include "base/result.h"
#include "model/config.h"
#include "ops/attention.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace thimble {

// Keys and values of KvView::kPageTokens tokens, of all layers. Shared by the states and checkpoints that hold these
// tokens; whoever writes into one that is shared writes into a copy.
using KvPage = Buffer<std::byte>;

// A DecoderState at one length, to go back to or to go on from in another state of the same engine: the recurrent half,
// and the pages with its keys and values. Copies share both.
class Checkpoint {
 public:
  [[nodiscard]] int length() const { return length_; }
  [[nodiscard]] std::size_t recurrent_bytes() const { return floats_ == nullptr ? 0 : floats_->size_bytes(); }
  [[nodiscard]] std::span<const std::shared_ptr<KvPage>> pages() const { return pages_; }

 private:
  friend class DecoderState;
  int length_ = 0;
  std::shared_ptr<const Buffer<float>> floats_;
  std::vector<std::shared_ptr<KvPage>> pages_;
};

// A part of what a state holds.
struct StatePart {
  enum class Kind { kKeysAndValues, kRecurrent } kind = Kind::kRecurrent;
  int index = 0;  // of the page of keys and values
  std::span<const std::byte> bytes;
};

// Not thread-safe: belongs to the one session that owns it.
//
// The recurrent half exists twice: the committed one, and the one that the pending rows have led to. Forward reads the
// first and writes the second, so dropping a pass costs nothing and keeping it is an exchange of indices. Keeping a
// part of a pass (drafts, of which some were refused) is a replay of a few rows from the committed half: their
// projections are kept, and Decoder::Commit runs the recurrence over them again.
class DecoderState {
 public:
  // Passes of at most this many rows may be committed in part; longer ones are kept whole or dropped whole.
  static constexpr int kMaxPartialRows = 15;

  DecoderState() = default;  // holds nothing, and cannot

  // KV pages are added as the conversation grows, up to `max_tokens`; all else is allocated here.
  static Result<DecoderState> Create(const ModelConfig& config, int max_tokens, KvType kv_type);
  // Bytes that a state of `max_tokens` tokens grows to: keys and values; and recurrent states.
  static std::uint64_t KvBytes(const ModelConfig& config, int max_tokens, KvType kv_type);
  static std::uint64_t RecurrentBytes(const ModelConfig& config);

  [[nodiscard]] int length() const { return length_; }  // tokens committed
  [[nodiscard]] int num_pending() const { return num_pending_; }
  [[nodiscard]] int max_tokens() const { return max_tokens_; }

  // Keeps all pending rows, or drops them all. (Appending is a transaction: Decoder::Forward leaves its rows pending;
  // Decoder::Commit keeps some.)
  void CommitAll();
  void DropPending() { num_pending_ = 0; }

  // What is committed; nothing may be pending. Pages are shared from now on.
  [[nodiscard]] Result<Checkpoint> Save() const;
  // Becomes what the state was of which the checkpoint was made: this one, or another of the same model and KvType.
  void Restore(const Checkpoint& checkpoint);
  // Back to length 0.
  void Clear();

  // Every part of what is committed, keys and values first: for counting, and for writing it somewhere. Bytes of a
  // page behind the last token are none of it and may be anything.
  void ForEachPart(const std::function<void(const StatePart& part)>& visit) const;

 private:
  friend class Decoder;
  friend class MtpHead;
  friend class StateInspector;  // of the tests
  // Pages for `num_tokens` tokens in all, of its own where the tokens behind length_ will be written.
  Status Grow(std::int64_t num_tokens);
  Status MakeWritable(std::size_t page);
  void PutPage(std::size_t index, std::shared_ptr<KvPage> page);
  [[nodiscard]] KvView Kv(int attention_layer) const;
  // Recurrent part of delta layer `layer`: states, then the convolution's tail [taps - 1, channels].
  [[nodiscard]] float* Recurrent(int half, int layer) {
    return halves_[half].data() + static_cast<std::size_t>(layer) * layer_floats_;
  }

  int length_ = 0;
  int num_pending_ = 0;
  int max_tokens_ = 0;
  int committed_half_ = 0;

  KvType kv_type_ = KvType::kF32;
  int num_kv_heads_ = 0;
  int head_ = 0;
  int num_attention_layers_ = 0;
  int num_delta_layers_ = 0;
  std::size_t page_bytes_ = 0;  // of one layer
  std::vector<std::shared_ptr<KvPage>> pages_;
  std::vector<std::vector<std::byte*>> tables_;  // per attention layer: its part of each page

  std::size_t layer_floats_ = 0;
  std::size_t state_floats_ = 0;
  Buffer<float> halves_[2];
  // For replay, per delta layer and pending row: inputs of the convolution, alpha, beta.
  std::size_t replay_floats_ = 0;  // of one row
  Buffer<float> replay_;
};

}  // namespace thimble
