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

#include <cstdint>
#include <vector>

namespace thimble {

class Scratch {
 public:
  static Result<Scratch> Create(const ModelConfig& config, int max_rows, int num_threads);
  static std::uint64_t BytesNeeded(const ModelConfig& config, int max_rows, int num_threads);

  // Of the last pass: logits [rows asked for, V] and final-normed hidden rows [T, D].
  [[nodiscard]] MatView<float> logits() { return logits_view; }
  [[nodiscard]] MatView<const float> hidden() const { return hidden_view; }
  // Of the last pass of an MtpHead: its own hidden rows [T, D].
  [[nodiscard]] MatView<const float> draft_hidden() const { return draft_view; }

  // The rest is for the model's own files. Every buffer is [max_rows, columns] and used as [T, columns].
  MatView<float> Rows(Buffer<float>* buffer, std::int64_t rows, std::int64_t cols) const {
    return {buffer->data(), rows, cols};
  }
  // Room for `rows` rows of logits; grows on first use.
  Status NeedLogits(std::int64_t rows, int vocab);

  Activations activations;
  AttentionScratch attention;
  DeltaScratch delta;
  Buffer<float> x;            // [T, D] residual stream
  Buffer<float> normed;       // [T, D]
  Buffer<float> mixed;        // [T, D] output of a mixer or MLP
  Buffer<float> qkv;          // [T, 2ES + US] delta; [T, H * 2C] attention: query and gate
  Buffer<float> convolved;    // [T, 2ES + US]
  Buffer<float> z;            // [T, U * S]
  Buffer<float> gates;        // [T, 2U] alpha | beta
  Buffer<float> heads;        // [T, max(U * S, H * C)] outputs of the delta rule or of attention
  Buffer<float> k;            // [T, G * C]
  Buffer<float> v;            // [T, G * C]
  Buffer<float> gate;         // [T, F]
  Buffer<float> up;           // [T, F]
  Buffer<float> cos;          // [T, rotary / 2]
  Buffer<float> sin;          // [T, rotary / 2]
  Buffer<float> pair;         // [T, 2D] MTP: embedding | hidden
  Buffer<float> hidden_rows;  // [max_rows, D]
  Buffer<float> draft_rows;   // [T, D] MTP
  Buffer<float> logits_rows;  // [.., V]
  // Of a head of which only a part is computed: its panels, and their outputs.
  std::vector<std::int32_t> panels;
  std::vector<float> panel_logits;
  MatView<float> logits_view;
  MatView<const float> hidden_view;
  MatView<const float> draft_view;
};

}  // namespace thimble
