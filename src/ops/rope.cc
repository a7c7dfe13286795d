// SPDX-License-Identifier: Apache-2.0
#include "ops/rope.h"

#include "ops/rows.h"

#include <cmath>

namespace thimble {

namespace {

// The angle as the reference forms it: frequency and product in float32; its cosine and sine in double, rounded once.
void PutAngle(float frequency, std::int32_t position, float* cos, float* sin) {
  const float angle = frequency * static_cast<float>(position);
  *cos = static_cast<float>(std::cos(static_cast<double>(angle)));
  *sin = static_cast<float>(std::sin(static_cast<double>(angle)));
}

float Frequency(double theta, int index, int count) {
  return static_cast<float>(1.0 / std::pow(theta, 2.0 * index / count));
}

}  // namespace

void TextRopeTable(std::span<const Position> positions, int rotary, double theta, const std::array<int, 3>& sections,
                   MatView<float> cos, MatView<float> sin) {
  for (int j = 0; j < rotary / 2; ++j) {
    const float frequency = Frequency(theta, j, rotary);
    // Axes take turns T, H, W, T ... as long as H and W have frequencies left (spec 2.4).
    const int axis = j % 3 == 1 && j < 3 * sections[1] ? 1 : j % 3 == 2 && j < 3 * sections[2] ? 2 : 0;
    for (std::size_t t = 0; t < positions.size(); ++t) {
      const Position& position = positions[t];
      const std::int32_t value = axis == 0 ? position.t : axis == 1 ? position.h : position.w;
      PutAngle(frequency, value, cos.Row(static_cast<std::int64_t>(t)) + j, sin.Row(static_cast<std::int64_t>(t)) + j);
    }
  }
}

void VisionRopeTable(std::span<const std::array<std::int32_t, 2>> row_cols, int head, double theta, MatView<float> cos,
                     MatView<float> sin) {
  const int per_axis = head / 4;
  for (int j = 0; j < per_axis; ++j) {
    const float frequency = Frequency(theta, j, head / 2);
    for (std::size_t p = 0; p < row_cols.size(); ++p) {
      for (std::size_t axis = 0; axis < 2; ++axis) {
        const std::int64_t column = static_cast<std::int64_t>(axis) * per_axis + j;
        PutAngle(frequency, row_cols[p][axis], cos.Row(static_cast<std::int64_t>(p)) + column,
                 sin.Row(static_cast<std::int64_t>(p)) + column);
      }
    }
  }
}

void ApplyRope(const Ops& ops, MatView<float> x, int num_heads, int head_stride, MatView<const float> cos,
               MatView<const float> sin) {
  ForEachRow(ops, x.rows, num_heads * cos.cols * 4, [&](std::int64_t t) {
    for (int head = 0; head < num_heads; ++head) {
      ops.kernels.f32->rotate(x.Row(t) + static_cast<std::int64_t>(head) * head_stride, cos.Row(t), sin.Row(t),
                              cos.cols);
    }
  });
}

}  // namespace thimble
