// SPDX-License-Identifier: Apache-2.0
// Workload: what a pass has to read and to multiply at least, counted from the weights' shapes (measure/least_time.h
// turns it into seconds). Letters are those of model/config.h.
//
// Bytes: every weight matrix as it is packed, once a pass, and every vector of a layer; of the embedding only as the
// output head of a tied model (the rows of the tokens themselves are nothing beside it). The recurrent states of the
// delta layers and the convolutions' tails are read and written once a pass; keys and values of all tokens before are
// read once a pass, those of the pass written. Activations are not counted: they stay in caches.
//
// Multiply-adds, per row: N K for each matrix [N, K], of int8 for packed ones, of float32 for those used as the file
// has them; the head only for rows whose logits are asked for. 2 H C for each token that attention sees. 3 S^2 for each
// value head of a delta layer: S k, the update, S q, as in the step-by-step form, whatever form runs; taps for each
// channel of the convolution. Norms, gates and the softmax are not counted: the limit is a limit, not a forecast.
#pragma once

#include "model/config.h"
#include "model/weights.h"
#include "ops/attention.h"

#include <cstdint>

namespace thimble {

struct Workload {
  std::uint64_t weight_bytes = 0;
  std::uint64_t state_bytes = 0;  // recurrent states and tails, read and written
  std::uint64_t kv_bytes = 0;     // keys and values, read and written
  std::uint64_t int8_multiply_adds = 0;
  std::uint64_t float_multiply_adds = 0;

  [[nodiscard]] std::uint64_t bytes() const { return weight_bytes + state_bytes + kv_bytes; }
  [[nodiscard]] std::uint64_t multiply_adds() const { return int8_multiply_adds + float_multiply_adds; }
  Workload& operator+=(const Workload& other);
};

// One forward pass of `num_rows` tokens after `first` tokens, with logits of `num_logits` rows. Decoding is a pass of
// one row with its logits.
Workload PassWorkload(const ModelConfig& config, const Weights& weights, KvType kv_type, std::int64_t first,
                      std::int64_t num_rows, std::int64_t num_logits);

// One picture (or video) of grid_t x grid_h x grid_w patches through the tower.
Workload PictureWorkload(const VisionConfig& config, const VisionWeights& weights, std::int64_t grid_t,
                         std::int64_t grid_h, std::int64_t grid_w);

// Its multiply-adds of either kind alone, which need no weights at hand.
std::uint64_t PictureMultiplyAdds(const VisionConfig& config, std::int64_t grid_t, std::int64_t grid_h,
                                  std::int64_t grid_w);

}  // namespace thimble
