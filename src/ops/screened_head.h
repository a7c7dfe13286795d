// SPDX-License-Identifier: Apache-2.0
// ScreenedHead: the highest logits of an output head [N, K] without reading all of it. A copy of fewer bits gives every
// row a logit and a bound of what the exact one can be; rows that cannot be among the highest are left out, the others
// are computed as MatMul computes them, with the same bits. docs/numerics.md, "The screened head", derives the bound;
// screened_head.cc repeats it beside the code.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "ops/matmul.h"
#include "ops/ops.h"
#include "ops/packed_matrix.h"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace thimble {

// What of a row of logits will be looked at.
struct BestLogits {
  int count = 0;              // the highest `count`, among equals those of lower rows
  std::int64_t num_rows = 0;  // of the first `num_rows` rows; 0: of all
  // What the caller makes of a row's logit before it compares; never more than the logit. Empty: nothing.
  std::function<float(std::int32_t row, float logit)> lowered;
};

// How often screening answered, and how much it left over.
struct ScreenCounts {
  std::int64_t passes = 0;      // asked for the highest logits only
  std::int64_t tried = 0;       // of them, screened; the others were sent to the full head at once
  std::int64_t answered = 0;    // of those tried, left few enough rows
  double surviving_rows = 0;    // shares of the rows that were left, added up over `tried`
  double surviving_panels = 0;  // shares of the panels they lie in: what has to be read for them

  [[nodiscard]] ScreenCounts Since(const ScreenCounts& before) const {
    return {passes - before.passes, tried - before.tried, answered - before.answered,
            surviving_rows - before.surviving_rows, surviving_panels - before.surviving_panels};
  }
  ScreenCounts& operator+=(const ScreenCounts& other) {
    passes += other.passes;
    tried += other.tried;
    answered += other.answered;
    surviving_rows += other.surviving_rows;
    surviving_panels += other.surviving_panels;
    return *this;
  }
};

// What screening needs beside the weights, and what it remembers: after a try that left too much, the next are skipped,
// one at first, twice as many each time, half as many again after a few answers. One thread uses it at a time.
class ScreenScratch {
 public:
  [[nodiscard]] const ScreenCounts& counts() const { return counts_; }

 private:
  friend class ScreenedHead;
  std::vector<std::int32_t> panels_;      // whose exact logits are wanted
  std::vector<std::uint8_t> is_taken_;    // [panels]
  std::vector<float> exact_;              // [panels wanted, 16]
  std::vector<std::int32_t> first_rows_;  // heap of the rows that screen highest
  std::vector<float> highest_;            // heap of the highest exact logits
  std::int64_t to_skip_ = 0;
  std::int64_t next_skip_ = 1;
  int in_a_row_ = 0;  // answers
  ScreenCounts counts_;
};

class ScreenedHead {
 public:
  // Most logits it is asked for; more would leave too many rows anyway.
  static constexpr int kMaxCount = 64;
  // Rows (of all) that may survive.
  static constexpr double kMostRows = 0.02;

  // Whether heads of this kind can be screened at all, and the bytes that takes. Families of fewer bits than 6 would
  // save nothing.
  static bool CanScreen(kernels::Family family, std::int64_t rows, std::int64_t cols);
  static std::uint64_t BytesNeeded(std::int64_t rows, std::int64_t cols);
  // Bytes read when screening, over those of the full head.
  static double ReadShare(kernels::Family family, std::int64_t rows, std::int64_t cols);

  // A copy of `head`, for which CanScreen must hold. kExhausted when there is no room. `pool` may be nullptr.
  static Result<ScreenedHead> Create(const PackedMatrix& head, ThreadPool* pool);

  // Logits of the one row of activations in `x`: those among the `best` ones with the bits that MatMul gives, all
  // others either too or minus infinity. False when that would not be worth it, or was not of late, or `best` is of no
  // use (count 0 or above kMaxCount): then `logits` [N] holds nothing of use. `head` is what this was made of.
  bool Compute(const Ops& ops, const PackedMatrix& head, const BestLogits& best, Activations* x, ScreenScratch* scratch,
               std::span<float> logits) const;

  // An exact logit is its row of copy() times the activations, plus shift, give or take row_bounds() x norm + slack.
  struct Activation {
    float norm = 0;       // of the rounded activations
    double shift = 0;     // what all rows share: mean row times activations
    double slack = 0;     // rounding in the shift, and underflow
    bool is_safe = true;  // no float of the products can overflow
  };
  [[nodiscard]] Activation Measure(const kernels::QuantisedRows& x) const;
  [[nodiscard]] const PackedMatrix& copy() const { return copy_; }
  [[nodiscard]] std::span<const float> mean() const { return mean_.span(); }
  [[nodiscard]] std::span<const float> row_bounds() const { return row_bounds_.span(); }

 private:
  bool Survivors(const Ops& ops, const PackedMatrix& head, const BestLogits& best, Activations* x,
                 ScreenScratch* scratch, std::span<const float> screened) const;

  Buffer<std::byte> panels_;
  PackedMatrix copy_;         // of head minus mean, over panels_
  Buffer<float> mean_;        // [K]
  Buffer<float> row_bounds_;  // [N], times the activations' norm
  double mean_norm_ = 0;
  double largest_norm_ = 0;  // of a row of head or copy
};

}  // namespace thimble
