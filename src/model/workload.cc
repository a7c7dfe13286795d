// SPDX-License-Identifier: Apache-2.0
#include "model/workload.h"

#include <initializer_list>

namespace thimble {

namespace {

std::uint64_t U64(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// A product of `rows` rows with `w`, which is read once.
void AddProduct(const PackedMatrix& w, std::int64_t rows, Workload* work) {
  if (rows == 0) return;
  work->weight_bytes += w.size_bytes();
  const std::uint64_t multiply_adds = U64(rows) * U64(w.rows()) * U64(w.cols());
  (w.family() == kernels::Family::kFileRows ? work->float_multiply_adds : work->int8_multiply_adds) += multiply_adds;
}
void AddProducts(std::initializer_list<const PackedMatrix*> matrices, std::int64_t rows, Workload* work) {
  for (const PackedMatrix* matrix : matrices) AddProduct(*matrix, rows, work);
}
void AddVectors(std::initializer_list<const Buffer<float>*> vectors, Workload* work) {
  for (const Buffer<float>* vector : vectors) work->weight_bytes += vector->size_bytes();
}

void AddAttention(const ModelConfig& c, const AttentionWeights& w, KvType kv_type, std::int64_t first,
                  std::int64_t rows, Workload* work) {
  AddProducts({&w.q, &w.k, &w.v, &w.out}, rows, work);
  AddVectors({&w.q_norm, &w.k_norm}, work);
  // Row t sees the tokens 0 .. first + t: scores and weighted values.
  const std::int64_t seen = rows * first + rows * (rows + 1) / 2;
  work->float_multiply_adds += U64(2 * seen * c.num_heads * c.head);
  const std::int64_t token_bytes =
      std::int64_t{2} * c.num_kv_heads * static_cast<std::int64_t>(KvRowBytes(kv_type, c.head));
  work->kv_bytes += U64((first + rows) * token_bytes);
}

void AddDelta(const ModelConfig& c, const DeltaWeights& w, std::int64_t rows, Workload* work) {
  AddProducts({&w.qkv, &w.z, &w.beta, &w.alpha, &w.out}, rows, work);
  AddVectors({&w.conv, &w.a, &w.dt_bias, &w.head_norm}, work);
  const std::int64_t state_floats = std::int64_t{c.delta.num_value_heads} * c.delta.key_head * c.delta.value_head;
  const std::int64_t tail_floats = std::int64_t{c.conv_taps - 1} * c.conv_channels();
  work->float_multiply_adds += U64(rows * (3 * state_floats + std::int64_t{c.conv_taps} * c.conv_channels()));
  work->state_bytes += 2 * U64(state_floats + tail_floats) * sizeof(float);
}

}  // namespace

Workload& Workload::operator+=(const Workload& other) {
  weight_bytes += other.weight_bytes;
  state_bytes += other.state_bytes;
  kv_bytes += other.kv_bytes;
  int8_multiply_adds += other.int8_multiply_adds;
  float_multiply_adds += other.float_multiply_adds;
  return *this;
}

Workload PassWorkload(const ModelConfig& config, const Weights& weights, KvType kv_type, std::int64_t first,
                      std::int64_t num_rows, std::int64_t num_logits) {
  Workload work;
  for (const LayerWeights& layer : weights.layers) {
    AddVectors({&layer.mixer_norm, &layer.mlp_norm}, &work);
    if (layer.attention.has_value()) AddAttention(config, *layer.attention, kv_type, first, num_rows, &work);
    if (layer.delta.has_value()) AddDelta(config, *layer.delta, num_rows, &work);
    AddProducts({&layer.mlp.gate, &layer.mlp.up, &layer.mlp.down}, num_rows, &work);
  }
  AddVectors({&weights.final_norm}, &work);
  AddProduct(weights.head(), num_logits, &work);
  return work;
}

Workload PictureWorkload(const VisionConfig& config, const VisionWeights& weights, std::int64_t grid_t,
                         std::int64_t grid_h, std::int64_t grid_w) {
  Workload work;
  const std::int64_t per_frame = grid_h * grid_w;
  const std::int64_t patches = grid_t * per_frame;
  const std::int64_t merged = patches / (std::int64_t{config.patches.merge} * config.patches.merge);
  AddProduct(weights.patch, patches, &work);
  AddVectors({&weights.patch_bias, &weights.positions}, &work);
  for (const VisionBlockWeights& block : weights.blocks) {
    AddProducts({&block.qkv, &block.proj, &block.fc1, &block.fc2}, patches, &work);
    AddVectors({&block.norm1_weight, &block.norm1_bias, &block.norm2_weight, &block.norm2_bias, &block.qkv_bias,
                &block.proj_bias, &block.fc1_bias, &block.fc2_bias},
               &work);
    // Every patch sees those of its own frame: scores and weighted values.
    work.float_multiply_adds += 2 * U64(patches) * U64(per_frame) * U64(config.width);
  }
  AddProducts({&weights.merger_fc1, &weights.merger_fc2}, merged, &work);
  AddVectors(
      {&weights.merger_norm_weight, &weights.merger_norm_bias, &weights.merger_fc1_bias, &weights.merger_fc2_bias},
      &work);
  return work;
}

std::uint64_t PictureMultiplyAdds(const VisionConfig& config, std::int64_t grid_t, std::int64_t grid_h,
                                  std::int64_t grid_w) {
  const std::uint64_t per_frame = U64(grid_h * grid_w);
  const std::uint64_t patches = U64(grid_t) * per_frame;
  const std::uint64_t merged = patches / U64(std::int64_t{config.patches.merge} * config.patches.merge);
  const std::uint64_t Vh = U64(config.width);
  const std::uint64_t patch_numbers = U64(std::int64_t{6} * config.patches.patch * config.patches.patch);
  const std::uint64_t block = Vh * (4 * Vh + 2 * U64(config.mlp)) + 2 * per_frame * Vh;
  return patches * (Vh * patch_numbers + U64(config.depth) * block) +
         merged * 4 * Vh * (4 * Vh + U64(config.out_width));
}

}  // namespace thimble
