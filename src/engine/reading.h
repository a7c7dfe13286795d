// SPDX-License-Identifier: Apache-2.0
// Reading: what of a prompt a session does not hold yet goes through the model, pictures first, slice by slice.
#pragma once

#include "engine/engine_parts.h"
#include "engine/picture_rows.h"
#include "engine/prompt.h"
#include "engine/session_memory.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace thimble {

class Reading {
 public:
  // Brings the session to the longest beginning of the prompt that can be gone on from; at least one token is left to
  // be read, for its logits. What it is given must outlive it.
  Reading(Session::Memory* memory, const Prompt* prompt, std::span<const Picture> pictures, GenerateStats* stats);

  // Does a slice: a piece of a picture, or a pass. Passes end at multiples of 64 tokens and at the prompt's boundary,
  // and are short while others write. `goes_on` (may be empty) is asked between the layers of a pass: where it says
  // no, the pass is gone on with by the next call. True: there is more to do. When done, the logits of the last token
  // are in the scratch. Errors leave the session at what was read before.
  Result<bool> Step(const Lease& lease, const std::function<bool()>& goes_on);

  [[nodiscard]] double share() const;  // of the work done, 0 to 1

 private:
  static std::int64_t Rewind(Session::Memory* memory, const Prompt& prompt);
  // Beginnings that are worth sharing, as lengths, shortest first.
  void ChooseBeginnings();
  [[nodiscard]] std::int64_t MostRows(bool may_be_left) const;
  [[nodiscard]] std::int64_t EndOfPass(std::int64_t first, bool may_be_left) const;

  Session::Memory& m_;
  const Prompt& prompt_;
  GenerateStats* stats_;
  std::int64_t total_;
  std::int64_t start_;  // tokens that were held before
  PictureRows pictures_;
  double share_of_pictures_ = 0;
  std::vector<std::int64_t> beginnings_;
  std::size_t next_beginning_ = 0;
  double row_seconds_ = 0;  // as the last pass tells; 0: none has run
  // The pass that is running or was left.
  std::int64_t pass_end_ = 0;
  double pass_seconds_ = 0;
  UnfinishedPass left_;
};

}  // namespace thimble
