// SPDX-License-Identifier: Apache-2.0
#include "model/weight_plan.h"

#include <algorithm>
#include <utility>

namespace thimble {

namespace {

using Shape = std::vector<std::int64_t>;

// Adds weights of one part and layer to a plan.
class Planner {
 public:
  Planner(WeightPlan* plan, WeightPart part, int layer) : plan_(plan), part_(part), layer_(layer) {}

  PlannedWeight* Matrix(const WeightName& name, std::int64_t rows, std::int64_t cols, PackedMatrix* out) {
    PlannedWeight* weight = Add(WeightKind::kMatrix, {name, "", {{rows, cols}}});
    weight->matrix = out;
    return weight;
  }
  PlannedWeight* Floats(WeightKind kind, const WeightName& name, Shape shape, Buffer<float>* out) {
    PlannedWeight* weight = Add(kind, {name, "", {std::move(shape)}});
    weight->floats = out;
    return weight;
  }
  void Norm(const WeightName& name, std::int64_t size, Buffer<float>* out) {
    Floats(WeightKind::kNorm, name, {size}, out);
  }

  // The tower's: a stem with its weight and its bias.
  void Pair(const WeightName& stem, std::int64_t rows, std::int64_t cols, PackedMatrix* weight, Buffer<float>* bias) {
    Matrix(stem, rows, cols, weight)->whole.end = "weight";
    Floats(WeightKind::kVector, stem, {rows}, bias)->whole.end = "bias";
  }
  void Pair(const WeightName& stem, std::int64_t size, Buffer<float>* weight, Buffer<float>* bias) {
    Floats(WeightKind::kVector, stem, {size}, weight)->whole.end = "weight";
    Floats(WeightKind::kVector, stem, {size}, bias)->whole.end = "bias";
  }

  PlannedWeight* Add(WeightKind kind, PlannedTensor whole) {
    PlannedWeight& weight = plan_->emplace_back();
    weight.part = part_;
    weight.kind = kind;
    weight.layer = layer_;
    weight.whole = std::move(whole);
    return &weight;
  }

 private:
  WeightPlan* plan_;
  WeightPart part_;
  int layer_;
};

void PlanAttention(const ModelConfig& config, Planner plan, AttentionWeights* out) {
  const std::int64_t D = config.width;
  const std::int64_t C = config.head;
  plan.Matrix(names::kQ, config.num_heads * 2 * C, D, &out->q);
  plan.Matrix(names::kK, config.num_kv_heads * C, D, &out->k);
  plan.Matrix(names::kV, config.num_kv_heads * C, D, &out->v);
  plan.Matrix(names::kAttentionOut, D, config.num_heads * C, &out->out);
  plan.Norm(names::kQNorm, C, &out->q_norm);
  plan.Norm(names::kKNorm, C, &out->k_norm);
}

void PlanDelta(const ModelConfig& config, Planner plan, DeltaWeights* out) {
  const std::int64_t D = config.width;
  const std::int64_t U = config.delta.num_value_heads;
  const std::int64_t values = U * config.delta.value_head;
  const std::int64_t channels = config.conv_channels();
  plan.Matrix(names::kDeltaQkv, channels, D, &out->qkv);
  plan.Matrix(names::kDeltaZ, values, D, &out->z);
  plan.Matrix(names::kDeltaBeta, U, D, &out->beta);
  plan.Matrix(names::kDeltaAlpha, U, D, &out->alpha);
  plan.Matrix(names::kDeltaOut, D, values, &out->out);
  plan.Floats(WeightKind::kConvolution, names::kDeltaConv, {channels, config.conv_taps}, &out->conv);
  plan.Floats(WeightKind::kVector, names::kDeltaDt, {U}, &out->dt_bias);
  plan.Floats(WeightKind::kDecay, names::kDeltaA, {U}, &out->a);
  plan.Floats(WeightKind::kVector, names::kDeltaNorm, {config.delta.value_head}, &out->head_norm);
}

void PlanLayer(const ModelConfig& config, LayerKind kind, Planner plan, LayerWeights* out) {
  const std::int64_t D = config.width;
  const std::int64_t F = config.mlp;
  plan.Norm(names::kMixerNorm, D, &out->mixer_norm);
  plan.Norm(names::kMlpNorm, D, &out->mlp_norm);
  if (kind == LayerKind::kAttention) {
    PlanAttention(config, plan, &out->attention.emplace());
  } else {
    PlanDelta(config, plan, &out->delta.emplace());
  }
  plan.Matrix(names::kMlpGate, F, D, &out->mlp.gate);
  plan.Matrix(names::kMlpUp, F, D, &out->mlp.up);
  plan.Matrix(names::kMlpDown, D, F, &out->mlp.down);
}

void PlanDraft(const ModelConfig& config, Planner plan, MtpWeights* out) {
  const std::int64_t D = config.width;
  plan.Matrix(names::kMtpFc, D, 2 * D, &out->fc);
  plan.Norm(names::kMtpEmbeddingNorm, D, &out->embedding_norm);
  plan.Norm(names::kMtpHiddenNorm, D, &out->hidden_norm);
  plan.Norm(names::kMtpFinalNorm, D, &out->final_norm);
  PlanLayer(config, LayerKind::kAttention, plan, &out->layer);
}

// One tensor in the order of our rows; Ollama's file counts channels among the rows, MLX puts the channels last.
// llama.cpp's files hold the two frames' slices apart.
void PlanPatch(const VisionConfig& config, Planner plan, PackedMatrix* out) {
  const std::int64_t Vh = config.width;
  const std::int64_t side = config.patches.patch;
  const std::int64_t places = 2 * side * side;  // of frame, y and x
  PlannedWeight* patch = plan.Add(
      WeightKind::kPatch,
      {names::kPatch,
       "",
       {{Vh, 3, 2, side, side}, {3 * Vh, 2, side, side}, {3 * Vh, places}, {Vh, 3 * places}, {Vh, 2, side, side, 3}}});
  for (const WeightName& frame : {names::kPatch, names::kPatchSecond})
    patch->pieces.push_back({frame, "", {{Vh, 3, side, side}}});
  patch->matrix = out;
}

// Queries, keys and values in one matrix; or three matrices.
void PlanQkv(std::int64_t width, Planner plan, VisionBlockWeights* out) {
  PlannedWeight* weight = plan.Matrix(names::kVisionQkv, 3 * width, width, &out->qkv);
  weight->whole.end = "weight";
  for (const WeightName& part : names::kVisionParts) weight->pieces.push_back({part, "weight", {{width, width}}});
  PlannedWeight* bias = plan.Floats(WeightKind::kVector, names::kVisionQkv, {3 * width}, &out->qkv_bias);
  bias->whole.end = "bias";
  for (const WeightName& part : names::kVisionParts) bias->pieces.push_back({part, "bias", {{width}}});
}

}  // namespace

WeightPlan PlanWeights(const ModelConfig& config, Weights* weights) {
  WeightPlan plan;
  Planner model(&plan, WeightPart::kText, 0);
  const std::int64_t D = config.width;
  // The largest first: packing needs its source's pages beside the copy, so the peak comes while little else is there.
  model.Matrix(names::kEmbedding, config.vocab, D, &weights->embedding);
  if (!config.is_tied) model.Matrix(names::kOutput, config.vocab, D, &weights->output);
  model.Norm(names::kFinalNorm, D, &weights->final_norm);
  weights->layers.resize(config.layers.size());
  for (int layer = 0; layer < config.num_layers(); ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    PlanLayer(config, config.layers[index], Planner(&plan, WeightPart::kText, layer), &weights->layers[index]);
  }
  if (config.has_mtp) PlanDraft(config, Planner(&plan, WeightPart::kDraft, 0), &weights->mtp.emplace());
  return plan;
}

WeightPlan PlanTower(const VisionConfig& config, VisionWeights* tower) {
  WeightPlan plan;
  Planner model(&plan, WeightPart::kTower, 0);
  const std::int64_t Vh = config.width;
  model.Floats(WeightKind::kVector, names::kPatchBias, {Vh}, &tower->patch_bias);
  PlanPatch(config, model, &tower->patch);
  const std::int64_t side = config.position_side;
  model.Floats(WeightKind::kVector, names::kPositions, {side * side, Vh}, &tower->positions);
  tower->blocks.resize(static_cast<std::size_t>(config.depth));
  for (int index = 0; index < config.depth; ++index) {
    VisionBlockWeights* out = &tower->blocks[static_cast<std::size_t>(index)];
    Planner block(&plan, WeightPart::kTower, index);
    block.Pair(names::kVisionNorm1, Vh, &out->norm1_weight, &out->norm1_bias);
    block.Pair(names::kVisionNorm2, Vh, &out->norm2_weight, &out->norm2_bias);
    PlanQkv(Vh, block, out);
    block.Pair(names::kVisionProj, Vh, Vh, &out->proj, &out->proj_bias);
    block.Pair(names::kVisionFc1, config.mlp, Vh, &out->fc1, &out->fc1_bias);
    block.Pair(names::kVisionFc2, Vh, config.mlp, &out->fc2, &out->fc2_bias);
  }
  model.Pair(names::kMergerNorm, Vh, &tower->merger_norm_weight, &tower->merger_norm_bias);
  const std::int64_t merged = 4 * Vh;
  model.Pair(names::kMergerFc1, merged, merged, &tower->merger_fc1, &tower->merger_fc1_bias);
  model.Pair(names::kMergerFc2, config.out_width, merged, &tower->merger_fc2, &tower->merger_fc2_bias);
  return plan;
}

std::vector<WeightName> LayerWeightNames() {
  const ModelConfig config;  // sizes do not matter for names
  WeightPlan plan;
  const Planner planner(&plan, WeightPart::kText, 0);
  LayerWeights delta;
  MtpWeights draft;  // has all of an attention layer
  PlanLayer(config, LayerKind::kDelta, planner, &delta);
  PlanDraft(config, planner, &draft);
  std::vector<WeightName> found;
  for (const PlannedWeight& weight : plan) found.push_back(weight.whole.name);
  return found;
}

bool HoldsMtp(const ModelFile& file, int num_layers) {
  const ModelConfig config;
  WeightPlan plan;
  MtpWeights draft;
  PlanDraft(config, Planner(&plan, WeightPart::kDraft, 0), &draft);
  return std::all_of(plan.begin(), plan.end(), [&](const PlannedWeight& weight) {
    const std::string full = NameOfMtp(file.format(), weight.whole.name, num_layers);
    return (file.format() == ModelFile::Format::kGguf ? file.Find(full) : FindHfText(file, full)) != nullptr;
  });
}

}  // namespace thimble
