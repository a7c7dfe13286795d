// SPDX-License-Identifier: Apache-2.0
// Batch: the rows of one forward pass, and what is wanted of their logits. Owns nothing.
#pragma once

#include "base/token_mask.h"
#include "ops/rope.h"

#include <cstdint>
#include <span>

namespace thimble {

enum class LogitRows { kNone, kLast, kAll };

// Which logits of a pass are wanted, told before the output head is computed.
struct LogitRequest {
  LogitRequest(LogitRows wanted = LogitRows::kLast) : rows(wanted) {}  // NOLINT(google-explicit-constructor)

  LogitRows rows;
  // With kLast: the tokens whose logits will be looked at; those of others may be anything or minus infinity. Where it
  // leaves few, only their part of the head is computed. nullptr: all.
  const TokenMask* mask = nullptr;
};

struct Batch {
  std::span<const std::int32_t> tokens;  // [T]; for rows that come from a picture, its placeholder token
  std::span<const Position> positions;   // [T]
  // Row t is picture_rows[t] ([D]) in place of the token's embedding, where it is not nullptr.
  std::span<const float* const> picture_rows;  // [T] or empty
  LogitRequest logits;

  [[nodiscard]] std::int64_t num_rows() const { return static_cast<std::int64_t>(tokens.size()); }
};

}  // namespace thimble
