// SPDX-License-Identifier: Apache-2.0
// Weights: the model's numbers, as the ops take them. Const after loading.
#pragma once

#include "base/buffer.h"
#include "ops/packed_matrix.h"
#include "sys/byte_source.h"

#include <memory>
#include <optional>
#include <vector>

namespace thimble {

struct AttentionWeights {
  PackedMatrix q;        // [H * 2C, D], per head C query rows, then C gate rows
  PackedMatrix k, v;     // [G * C, D]
  PackedMatrix out;      // [D, H * C]
  Buffer<float> q_norm;  // [C], full factor
  Buffer<float> k_norm;  // [C], full factor
};

struct DeltaWeights {
  PackedMatrix qkv;         // [2ES + US, D]
  PackedMatrix z;           // [U * S, D]
  PackedMatrix beta;        // [U, D]
  PackedMatrix alpha;       // [U, D]
  PackedMatrix out;         // [D, U * S]
  Buffer<float> conv;       // [taps, 2ES + US], last tap = current token
  Buffer<float> a;          // [U], -exp(A_log)
  Buffer<float> dt_bias;    // [U]
  Buffer<float> head_norm;  // [S], plain weight
};

struct MlpWeights {
  PackedMatrix gate, up;  // [F, D]
  PackedMatrix down;      // [D, F]
};

struct LayerWeights {
  Buffer<float> mixer_norm;  // [D], full factor (1 + w of the checkpoint)
  Buffer<float> mlp_norm;    // [D], full factor
  // Exactly one of the two, by the layer's kind.
  std::optional<AttentionWeights> attention;
  std::optional<DeltaWeights> delta;
  MlpWeights mlp;
};

struct MtpWeights {
  PackedMatrix fc;               // [D, 2D], input is embedding | hidden
  Buffer<float> embedding_norm;  // [D]
  Buffer<float> hidden_norm;     // [D]
  Buffer<float> final_norm;      // [D]
  LayerWeights layer;            // an attention layer
};

struct VisionBlockWeights {
  Buffer<float> norm1_weight, norm1_bias, norm2_weight, norm2_bias;  // [Vh]
  PackedMatrix qkv, proj;                                            // [3Vh, Vh], [Vh, Vh]
  PackedMatrix fc1, fc2;                                             // [I, Vh], [Vh, I]
  Buffer<float> qkv_bias, proj_bias, fc1_bias, fc2_bias;
};

struct VisionWeights {
  PackedMatrix patch;        // [Vh, 3 * 2 * 16 * 16], columns in the order of a patch row
  Buffer<float> patch_bias;  // [Vh]
  Buffer<float> positions;   // [side * side, Vh]
  std::vector<VisionBlockWeights> blocks;
  Buffer<float> merger_norm_weight, merger_norm_bias;  // [Vh]
  PackedMatrix merger_fc1, merger_fc2;                 // [4Vh, 4Vh], [D, 4Vh]
  Buffer<float> merger_fc1_bias, merger_fc2_bias;
  std::shared_ptr<const ByteSource> pack_cache;  // what matrices that were packed before point into
};

struct Weights {
  PackedMatrix embedding;    // [V, D]; also the output head of a tied model
  PackedMatrix output;       // [V, D], empty when tied
  Buffer<float> final_norm;  // [D], full factor
  std::vector<LayerWeights> layers;
  std::optional<MtpWeights> mtp;
  // Where LoadOptions::reads_tower asked for it, or a pack cache had to be made that holds it too; else nullptr, and
  // VisionTower (model/vision_tower.h) reads it when it is needed.
  std::shared_ptr<const VisionWeights> vision;
  std::vector<std::shared_ptr<const ByteSource>> pack_caches;  // what matrices that were packed before point into

  [[nodiscard]] const PackedMatrix& head() const { return output.empty() ? embedding : output; }
};

}  // namespace thimble
