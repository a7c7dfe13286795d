// SPDX-License-Identifier: Apache-2.0
// Rotary position embedding: half-split rotation of the first `rotary` dims of each head (spec 2.4 and 3.4).
#pragma once

#include "base/mat_view.h"
#include "ops/ops.h"

#include <array>
#include <cstdint>
#include <span>

namespace thimble {

// Position of a token on the three axes of multimodal RoPE; equal for text.
struct Position {
  std::int32_t t = 0, h = 0, w = 0;
  bool operator==(const Position&) const = default;
};

// cos and sin [T, rotary / 2] of the decoder's interleaved mRoPE: frequency j of position axis T, H, W, T, H, W ... by
// the section counts; angle = position * theta^(-2j / rotary), computed in double and rounded once.
void TextRopeTable(std::span<const Position> positions, int rotary, double theta, const std::array<int, 3>& sections,
                   MatView<float> cos, MatView<float> sin);
// cos and sin [P, head / 2] of the vision tower: head/4 frequencies of the row, then head/4 of the column.
void VisionRopeTable(std::span<const std::array<std::int32_t, 2>> row_cols, int head, double theta, MatView<float> cos,
                     MatView<float> sin);
// Rotates the pairs (i, i + rotary/2), i < rotary/2, of each of `num_heads` heads of width `head` in every row of x.
// x is [T, >= num_heads * head_stride]; head h begins at column h * head_stride.
void ApplyRope(const Ops& ops, MatView<float> x, int num_heads, int head_stride, MatView<const float> cos,
               MatView<const float> sin);

}  // namespace thimble
