// SPDX-License-Identifier: Apache-2.0
// PictureRows: the rows of the vision tower that a prompt's tokens need, from the album or encoded now, piece by piece.
#pragma once

#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "model/batch.h"
#include "model/vision.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace thimble {

// Patches of a picture that is read at this size.
std::int64_t NumPatches(const EngineParts& parts, ImageSize size);
// kExhausted when reading the tower, where it is not there yet, takes more memory than is free.
Status CheckTowerMemory(const EngineParts& parts);
// The same for the tower, and for cutting a picture of `size` into so many patches and encoding them.
Status CheckPictureMemory(const EngineParts& parts, std::int64_t num_patches, ImageSize size);

class PictureRows {
 public:
  // Of the tokens from `first` on. What it is given must outlive it.
  PictureRows(EngineParts* parts, const Prompt* prompt, std::span<const Picture> pictures, std::int64_t first);

  // Encodes one piece of the tower, some hundredths of a second; where the tower is not there yet (VisionTower), the
  // first piece reads it whole. True: there is more to do. Errors: kExhausted when the
  // picture or the tower does not fit into memory, kCancelled when the pool was stopped, what the tower's file gives.
  Result<bool> Step(const Lease& lease, GenerateStats* stats);
  [[nodiscard]] bool is_complete() const { return next_ == needed_.size(); }

  // Multiply-adds of what is not in the album yet, and the share of them that is done.
  [[nodiscard]] double work() const { return work_; }
  [[nodiscard]] double share() const;

  // When complete: of tokens [first, first + count), where their rows lie (nullptr: text); empty where all are text.
  [[nodiscard]] std::span<const float* const> Of(std::int64_t first, std::int64_t count) const;

 private:
  struct Needed {
    int picture = 0;
    double work = 0;  // 0: it was in the album
    std::shared_ptr<const VisionRows> rows;
  };

  Status Begin(GenerateStats* stats);
  void Finish();
  void Place();
  [[nodiscard]] const PictureId& IdOf(const Needed& needed) const {
    return prompt_->pictures[static_cast<std::size_t>(needed.picture)];
  }

  EngineParts* parts_;
  const Prompt* prompt_;
  std::span<const Picture> pictures_;
  std::int64_t first_;
  std::vector<Needed> needed_;
  std::size_t next_ = 0;  // of needed_, to be encoded
  double work_ = 0;
  double done_ = 0;
  Patches patches_;                             // of the picture that is being encoded
  std::shared_ptr<const VisionWeights> tower_;  // as long as the encoder lives
  std::unique_ptr<VisionEncoder> encoder_;
  std::vector<const float*> places_;  // of tokens from first_ on
};

// Tokens [first, first + count) of a prompt as a batch; `pictures` must be complete.
Batch BatchOf(const Prompt& prompt, const PictureRows& pictures, std::int64_t first, std::int64_t count,
              LogitRows logits);

}  // namespace thimble
