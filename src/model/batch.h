// SPDX-License-Identifier: Apache-2.0
// Batch: the rows of one forward pass. Owns nothing.
#pragma once

#include "base/mat_view.h"
#include "ops/rope.h"
#include "ops/screened_head.h"

#include <cstdint>
#include <span>

namespace thimble {

enum class LogitRows { kNone, kLast, kAll };

struct Batch {
  std::span<const std::int32_t> tokens;  // [T]; for rows that come from a picture, its placeholder token
  std::span<const Position> positions;   // [T]
  // Row t uses image_rows row image_row[t] in place of the embedding when image_row is not empty and image_row[t] >= 0.
  std::span<const std::int32_t> image_row;  // [T] or empty
  MatView<const float> image_rows;          // [any, D]
  LogitRows logits = LogitRows::kLast;
  // With kLast: that nothing but these will be looked at. nullptr: all logits are wanted.
  const BestLogits* best = nullptr;

  [[nodiscard]] std::int64_t num_rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

}  // namespace thimble
