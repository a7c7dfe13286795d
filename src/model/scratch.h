// SPDX-License-Identifier: Apache-2.0
// Scratch: every activation buffer of a forward pass, sized once. One thread uses it at a time.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "model/config.h"
#include "ops/attention.h"
#include "ops/delta_net.h"
#include "ops/matmul.h"

namespace thimble {

class Scratch {
 public:
  static Result<Scratch> Create(const ModelConfig& config, int max_rows, int num_threads);
  static std::uint64_t BytesNeeded(const ModelConfig& config, int max_rows, int num_threads);

  // Of the last Forward: logits [rows asked for, V] and final-normed hidden rows [T, D].
  [[nodiscard]] MatView<float> logits() { return logits_view_; }
  [[nodiscard]] MatView<const float> hidden() const { return hidden_view_; }

 private:
  friend class Decoder;
  MatView<float> logits_view_;
  MatView<const float> hidden_view_;
  // (buffers are the implementer's)
};

}  // namespace thimble
