// SPDX-License-Identifier: Apache-2.0
#include "model/unused_tensors.h"

#include "gguf_writer.h"
#include "sys/byte_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thimble {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Kind = UnusedTensor::Kind;

ModelFile File(const std::vector<std::string>& names, const std::string& architecture = "qwen35") {
  testing::GgufWriter writer;
  writer.TextKey("general.architecture", architecture);
  for (const std::string& name : names) writer.Tensor(name, {1}, 0, std::string(4, '\0'));
  return ModelFile::FromGguf(MemorySource(writer.Bytes()), "m.gguf").value();
}

ModelConfig Config(int layers) {
  ModelConfig config;
  config.layers.assign(static_cast<std::size_t>(layers), LayerKind::kDelta);
  return config;
}

Kind KindOf(const std::string& name, const ModelConfig& config) {
  return JudgeUnused(name, File({name}), false, nullptr, config).kind;
}

TEST(UnusedTensors, AreJudgedByWhatTheirNamesMean) {
  const ModelConfig config = Config(4);
  for (const char* name :
       {"blk.0.ffn_up.bias", "blk.3.attn_q.scale", "output.bias", "blk.1.ffn_up.weight.lora_a", "blk.1.ffn_up.qweight",
        "blk.1.ffn_up.G_IDX", "blk.2.extra_norm.weight", "blk.0.ffn_gate_exps.weight", "blk.0.attn_q.weight_scale",
        "position_embd.weight", "rope_freqs.weight", "blk.4.ffn_up.bias"})
    EXPECT_EQ(KindOf(name, config), Kind::kRefused) << name;
  for (const char* name : {"blk.0.ffn_up.input_scale", "rotary_emb.inv_freq", "position_ids", "num_batches_tracked"})
    EXPECT_EQ(KindOf(name, config), Kind::kHarmless) << name;
  for (const char* name : {"blk.0.surprise.weight", "x", "v.patch_embd.weight"})
    EXPECT_EQ(KindOf(name, config), Kind::kStrange) << name;
}

TEST(UnusedTensors, OfDraftHeadsDependOnWhetherOneIsUsed) {
  ModelConfig config = Config(4);
  EXPECT_EQ(KindOf("blk.4.nextn.eh_proj.weight", config), Kind::kHarmless);
  EXPECT_EQ(KindOf("blk.4.nextn.eh_proj.scale", config), Kind::kHarmless);
  config.has_mtp = true;
  EXPECT_EQ(KindOf("blk.4.nextn.eh_proj.bias", config), Kind::kRefused);
  EXPECT_EQ(KindOf("blk.4.ffn_up.bias", config), Kind::kRefused);
  EXPECT_EQ(KindOf("blk.4.nextn.shared_head_head.scale", config), Kind::kStrange);
  EXPECT_EQ(KindOf("blk.5.nextn.eh_proj.weight", config), Kind::kHarmless);
}

TEST(UnusedTensors, OfLayersThatAreNotUsedAreRefusedWhereTheyChangeAWeight) {
  ModelConfig config = Config(4);
  for (const char* name : {"blk.4.ffn_up.lora_a", "blk.99.attn_q.weight_scale", "blk.5.nextn.eh_proj.bias"})
    EXPECT_EQ(KindOf(name, config), Kind::kRefused) << name;
  for (const char* name :
       {"blk.4.attn_norm.weight", "blk.4.attn_q.scale", "blk.9.ssm_dt.bias", "blk.9.surprise.weight"})
    EXPECT_EQ(KindOf(name, config), Kind::kStrange) << name;
  for (const char* name : {"blk.4.nextn.enorm.weight", "blk.4.nextn.shared_head_norm.weight"})
    EXPECT_EQ(KindOf(name, config), Kind::kHarmless) << name;
  config.has_mtp = true;
  for (const char* name : {"blk.5.nextn.eh_proj.bias", "blk.5.nextn.eh_proj.weight.lora_b"})
    EXPECT_EQ(KindOf(name, config), Kind::kRefused) << name;
  for (const char* name : {"blk.5.nextn.enorm.weight", "blk.5.nextn.eh_proj.scale"})
    EXPECT_EQ(KindOf(name, config), Kind::kHarmless) << name;
}

TEST(UnusedTensors, FactorsHaveManyNames) {
  const ModelConfig config = Config(4);
  for (const char* name :
       {"blk.0.ls1.weight", "blk.0.ls2", "blk.0.ffn_up.multiplier", "blk.0.ffn_up.delta", "blk.0.ffn_up.b",
        "blk.0.attn_q.alpha", "rope_factors_long.weight", "rope_factors_short.weight"})
    EXPECT_EQ(KindOf(name, config), Kind::kRefused) << name;
}

TEST(UnusedTensors, OfVisionFilesAreJudgedAsTheTowersOwn) {
  ModelConfig config = Config(4);
  config.vision.emplace();
  const ModelFile vision = File({"v.patch_embd.weight"}, "clip");
  const auto judge = [&](const std::string& name, const ModelFile& file, bool is_vision_file) {
    return JudgeUnused(name, file, is_vision_file, &vision, config).kind;
  };
  EXPECT_EQ(judge("v.blk.0.ffn_gate.bias", vision, true), Kind::kRefused);
  EXPECT_EQ(judge("surprise", vision, true), Kind::kStrange);
  EXPECT_EQ(judge("a.blk.0.ln1.bias", vision, true), Kind::kStrange);
  // A text file's own tower, where another is used; and a text model in a file that is used for its tower.
  EXPECT_EQ(judge("v.blk.0.ln1.bias", File({"v.patch_embed.weight"}), false), Kind::kHarmless);
  EXPECT_EQ(judge("blk.0.ffn_up.weight", File({"v.patch_embed.weight"}), true), Kind::kHarmless);
}

TEST(UnusedTensors, AreRefusedOrWarnedOfByName) {
  std::vector<UnusedTensor> unused(6, {Kind::kStrange, "strange", "nobody knows it", "m.gguf"});
  unused.push_back({Kind::kHarmless, "harmless", "", "m.gguf"});
  EXPECT_TRUE(CheckUnused(unused).ok());
  std::vector<std::string> warnings;
  WarnOfUnused(unused, &warnings);
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(warnings[0], HasSubstr("6 tensors"));
  EXPECT_THAT(warnings[0], HasSubstr("'strange' (nobody knows it)"));
  EXPECT_THAT(warnings[0], HasSubstr("3 more"));
  WarnOfUnused(unused, nullptr);
  unused.push_back({Kind::kRefused, "worse", "a bias", "m.gguf"});
  unused.push_back({Kind::kRefused, "worst", "a scale", "m.gguf"});
  const Status status = CheckUnused(unused);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kUnsupported);
  EXPECT_THAT(status.error().message, HasSubstr("m.gguf: tensor 'worse' (a bias) and 1 other like it"));
}

}  // namespace
}  // namespace thimble
