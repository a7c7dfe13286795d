// SPDX-License-Identifier: Apache-2.0
// The weight plan: every weight of a model named once, with the tensors it is made of and the place it goes to.
// Loading, estimating memory, checking, and telling which tensors nobody needs all walk these lists.
#pragma once

#include "files/model_file.h"
#include "model/config.h"
#include "model/names.h"
#include "model/weights.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace thimble {

// Which names and which file a weight has: the draft head (MTP) is named as a layer below another prefix, the tower may
// lie in a file of its own.
enum class WeightPart { kText, kDraft, kTower };

// What the file's numbers are, and what is made of them.
enum class WeightKind {
  kMatrix,       // packed, or kept as the file's rows; a factor may lie beside it
  kVector,       // floats as they are
  kNorm,         // floats; Hugging Face stores w of the factor 1 + w
  kDecay,        // floats -exp(A_log); Hugging Face stores A_log
  kConvolution,  // floats [channels, taps], turned into [taps, channels]
  kPatch,        // the patch convolution, made a matrix of float32 rows [Vh, channel, frame, y, x]
};

// One tensor by its names, with the shapes that it may have. Ones count for nothing; messages name the first shape.
struct PlannedTensor {
  WeightName name;
  std::string_view end;  // follows the name: weights and biases of the tower share a stem
  std::vector<std::vector<std::int64_t>> shapes;
};

struct PlannedWeight {
  WeightPart part = WeightPart::kText;
  WeightKind kind = WeightKind::kMatrix;
  int layer = 0;  // takes the place of "{}" in names
  PlannedTensor whole;
  // In files that cut it: its parts, which are joined row below row (kPatch: frame beside frame). Empty where none do.
  std::vector<PlannedTensor> pieces;
  // Where it goes: one of the two is set.
  PackedMatrix* matrix = nullptr;
  Buffer<float>* floats = nullptr;
};
using WeightPlan = std::vector<PlannedWeight>;

// Gives `weights` the layers that `config` has, and lists what goes into them, in the order of loading: text model and
// draft head. The plan points into `weights`.
WeightPlan PlanWeights(const ModelConfig& config, Weights* weights);
// The same for the vision tower.
WeightPlan PlanTower(const VisionConfig& config, VisionWeights* tower);

// Names of all weights that a layer may have, of either kind or of the draft head.
std::vector<WeightName> LayerWeightNames();
// True when every tensor of the draft head (MTP) is there: files exist that announce one and hold none or parts of it.
// `num_layers` counts the model's layers without it.
bool HoldsMtp(const ModelFile& file, int num_layers);

}  // namespace thimble
