// SPDX-License-Identifier: Apache-2.0
#include "model/weight_plan.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace thimble {
namespace {

ModelConfig Config() {
  ModelConfig config;
  config.width = 64;
  config.mlp = 96;
  config.vocab = 320;
  config.layers = {LayerKind::kDelta, LayerKind::kAttention};
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head = 16;
  config.delta.num_key_heads = 2;
  config.delta.num_value_heads = 4;
  config.delta.key_head = 8;
  config.delta.value_head = 8;
  return config;
}

// Every weight has one place, and no two have the same.
void ExpectOwnPlaces(const WeightPlan& plan) {
  std::set<const void*> places;
  std::set<std::string> found;
  for (const PlannedWeight& weight : plan) {
    EXPECT_NE(weight.matrix == nullptr, weight.floats == nullptr) << weight.whole.name.gguf;
    const void* place = weight.matrix != nullptr ? static_cast<const void*>(weight.matrix) : weight.floats;
    EXPECT_TRUE(places.insert(place).second) << weight.whole.name.gguf;
    const std::string name =
        std::to_string(static_cast<int>(weight.part)) + NameOfLayer(weight.whole.name.gguf, weight.layer);
    EXPECT_TRUE(found.insert(name + std::string(weight.whole.end)).second) << name;
  }
}

TEST(WeightPlan, GivesEveryWeightAPlaceOfItsOwn) {
  ModelConfig config = Config();
  Weights weights;
  const std::size_t tied = PlanWeights(config, &weights).size();
  EXPECT_EQ(tied, 2u + (5 + 9) + (5 + 6));  // embedding and norm, a delta layer, an attention layer
  ExpectOwnPlaces(PlanWeights(config, &weights));
  EXPECT_TRUE(weights.layers[0].delta.has_value());
  EXPECT_TRUE(weights.layers[1].attention.has_value());
  config.is_tied = false;
  config.has_mtp = true;
  Weights all;
  const WeightPlan plan = PlanWeights(config, &all);
  EXPECT_EQ(plan.size(), tied + 1 + 4 + 11);
  ExpectOwnPlaces(plan);
}

TEST(WeightPlan, PiecesAreAsManyRowsAsTheWhole) {
  VisionConfig config;
  config.depth = 2;
  config.width = 32;
  config.mlp = 48;
  config.out_width = 64;
  config.position_side = 8;
  VisionWeights tower;
  const WeightPlan plan = PlanTower(config, &tower);
  EXPECT_EQ(plan.size(), 3u + 2 * 12 + 6);
  EXPECT_EQ(tower.blocks.size(), 2u);
  ExpectOwnPlaces(plan);
  int num_cut = 0;
  for (const PlannedWeight& weight : plan) {
    if (weight.pieces.empty()) continue;
    ++num_cut;
    const auto count = [](const std::vector<std::int64_t>& shape) {
      std::int64_t product = 1;
      for (const std::int64_t size : shape) product *= size;
      return product;
    };
    std::int64_t numbers = 0;
    for (const PlannedTensor& piece : weight.pieces) numbers += count(piece.shapes.front());
    EXPECT_EQ(numbers, count(weight.whole.shapes.front())) << weight.whole.name.gguf;
  }
  EXPECT_EQ(num_cut, 1 + 2 * 2);
}

TEST(WeightPlan, NamesOfLayersAreThoseOfAllKinds) {
  std::set<std::string_view> found;
  for (const WeightName& name : LayerWeightNames()) found.insert(name.gguf);
  EXPECT_EQ(found.size(), 24u);
  for (const WeightName& name : {names::kQ, names::kDeltaConv, names::kMtpFc, names::kMlpDown})
    EXPECT_TRUE(found.contains(name.gguf)) << name.gguf;
}

}  // namespace
}  // namespace thimble
