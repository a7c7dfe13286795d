// SPDX-License-Identifier: Apache-2.0
// What a session remembers between requests, for the engine's own files.
#pragma once

#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "model/batch.h"
#include "model/state.h"
#include "model/vision.h"

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace thimble {

// Picture rows that a prompt's tokens need, side by side.
struct PictureRows {
  Buffer<float> rows;
  MatView<const float> view;               // [all, D]
  std::vector<std::int32_t> row_of_token;  // -1 for text; empty when there are none
};

struct Session::Memory {
  static constexpr std::size_t kMaxPictureBytes = std::size_t{256} << 20;
  static constexpr std::int64_t kHeadRows = 8;

  struct CachedPicture {
    PictureId id;
    VisionRows rows;
  };

  Memory(std::shared_ptr<const Engine> owner, EngineParts* engine_parts, DecoderState decoder_state)
      : engine(std::move(owner)), parts(engine_parts), state(std::move(decoder_state)) {}

  void Clear();
  // Brings the state to the longest prefix of `wanted` that it can continue from, at most `limit` tokens.
  Status RewindTo(std::span<const PromptKey> wanted, std::int64_t limit);
  Status KeepCheckpoint();
  // A picture's rows, from memory or encoded now. Valid until the next call.
  Result<const VisionRows*> RowsOf(const Picture& picture, const PictureReading& reading, const PictureId& id,
                                   const Lease& lease, const std::function<bool(double)>& progress,
                                   GenerateStats* stats);
  // Rows of tokens from `first` on that pictures still to be encoded give, and the multiply-adds of encoding them.
  struct PictureWork {
    std::int64_t rows = 0;
    double multiply_adds = 0;
  };
  [[nodiscard]] PictureWork PicturesToEncode(const Prompt& prompt, std::int64_t first) const;
  // The picture rows of tokens from `first` on. `progress` is told the share of encoding done.
  Status GatherRows(const Prompt& prompt, std::span<const Picture> request_pictures, std::int64_t first,
                    const Lease& lease, const std::function<bool(double)>& progress, GenerateStats* stats,
                    PictureRows* out);
  static Batch BatchOf(const Prompt& prompt, const PictureRows& rows, std::int64_t first, std::int64_t count,
                       LogitRows logits);

  std::shared_ptr<const Engine> engine;  // keeps it alive
  EngineParts* parts;
  DecoderState state;
  std::vector<PromptKey> keys;  // of every token that the state holds
  std::vector<Checkpoint> checkpoints;
  std::vector<CachedPicture> pictures;
  std::size_t picture_bytes = 0;
  std::size_t most_picture_bytes = kMaxPictureBytes;  // less in tests
  std::atomic<bool> is_busy{false};                   // a Generate or Evaluate runs
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
