// SPDX-License-Identifier: Apache-2.0
// The engine layer by layer and step by step against the reference's traces (fixtures: expected/<model>/trace), on
// every instruction set that this processor runs.
#include "conformance/loaded_model.h"
#include "npy.h"

#include <gtest/gtest.h>

#include <map>

namespace thimble::testing {
namespace {

struct Case {
  const char* path;
  const char* expected;
};
class TraceTest : public ::testing::TestWithParam<Case> {};

// Rows of every intermediate result by name and layer, over all segments of a pass.
using Recorded = std::map<std::pair<std::string, int>, std::vector<float>>;

Recorded Record(LoadedModel& model, const kernels::KernelTable& table, std::span<const std::int32_t> ids,
                std::size_t cut) {
  Recorded recorded;
  const Trace trace = [&](std::string_view name, int layer, MatView<const float> rows) {
    std::vector<float>& to = recorded[{std::string(name), layer}];
    for (std::int64_t row = 0; row < rows.rows; ++row) {
      const auto values = rows.RowSpan(row);
      to.insert(to.end(), values.begin(), values.end());
    }
  };
  const Ops ops{table, model.pool, Precision::kExact};
  DecoderState state = model.NewState();
  for (std::size_t at = 0; at < ids.size(); at += cut) {
    const auto part = ids.subspan(at, std::min(cut, ids.size() - at));
    const auto positions = TextPositions(state.length(), part.size());
    Get(model.decoder.Forward(TextBatch(part, positions, LogitRows::kNone), &state, &model.scratch, ops, &trace));
    state.CommitAll();
  }
  return recorded;
}

// The reference's q | k | v of each row side by side.
std::vector<float> SideBySide(const std::array<NpyArray, 3>& parts) {
  std::vector<float> out;
  for (std::size_t row = 0; row < static_cast<std::size_t>(parts[0].shape[0]); ++row) {
    for (const NpyArray& part : parts) {
      const auto values = part.As<float>();
      const std::size_t cols = values.size() / static_cast<std::size_t>(part.shape[0]);
      out.insert(out.end(), values.begin() + static_cast<std::ptrdiff_t>(row * cols),
                 values.begin() + static_cast<std::ptrdiff_t>((row + 1) * cols));
    }
  }
  return out;
}

class Comparison {
 public:
  Comparison(const std::string& folder, Recorded recorded)
      : folder_(folder), json_(LoadJson(folder + "/trace.json")), recorded_(std::move(recorded)) {}

  [[nodiscard]] int linear_layer() const { return static_cast<int>(json_.Find("linear_layer")->AsInt().value_or(-1)); }
  [[nodiscard]] int full_layer() const { return static_cast<int>(json_.Find("full_layer")->AsInt().value_or(-1)); }
  [[nodiscard]] NpyArray Wanted(const std::string& tensor) const {
    return LoadNpy(folder_ + "/" + json_.Find("tensors")->Find(tensor)->Find("file")->text());
  }
  void Expect(const std::string& ours, int layer, std::span<const float> wanted) const {
    const auto at = recorded_.find({ours, layer});
    ASSERT_NE(at, recorded_.end()) << ours << " of layer " << layer << " was not reported";
    ASSERT_EQ(at->second.size(), wanted.size()) << ours;
    EXPECT_LT(LargestDifference(at->second, wanted), 1e-4F * Largest(wanted)) << ours << " of layer " << layer;
  }
  void Expect(const std::string& ours, int layer, const std::string& theirs) const {
    const NpyArray wanted = Wanted(theirs);
    Expect(ours, layer, wanted.As<float>());
  }

 private:
  std::string folder_;
  Json json_;
  Recorded recorded_;
};

void CompareAll(const Comparison& c, const ModelConfig& config) {
  c.Expect("embeddings", 0, "embeddings");
  for (int layer = 0; layer < config.num_layers(); ++layer)
    c.Expect("layer_out", layer, "layer" + std::to_string(layer) + "_out");
  c.Expect("final_norm", 0, "final_norm");

  const int full = c.full_layer();
  c.Expect("mixer_norm", full, "attn_norm_in");
  for (const char* name : {"attn_q_proj", "attn_v_proj", "attn_k_rope", "attn_context", "attn_gated", "attn_o_proj"})
    c.Expect(name, full, name);

  const int linear = c.linear_layer();
  c.Expect("mixer_norm", linear, "gdn_norm_in");
  c.Expect("gdn_out_proj", linear, "gdn_out_proj");
  c.Expect("mlp_norm", linear, "gdn_layer_post_norm");
  c.Expect("mlp", linear, "gdn_layer_mlp");
  // A GGUF with several value heads to a key head has them in another order than the reference.
  if (config.delta.order == HeadOrder::kTiled && config.delta.num_value_heads != config.delta.num_key_heads) return;
  for (const char* name :
       {"gdn_in_proj_qkv", "gdn_in_proj_z", "gdn_in_proj_a", "gdn_in_proj_b", "gdn_delta_out", "gdn_gated_norm"})
    c.Expect(name, linear, name);
  c.Expect("gdn_qkv", linear, SideBySide({c.Wanted("gdn_q"), c.Wanted("gdn_k"), c.Wanted("gdn_v")}));
}

TEST_P(TraceTest, EveryStepEqualsTheReference) {
  const std::string folder = Fixture(std::string("expected/") + GetParam().expected + "/trace");
  LoadedModel model(Fixture(GetParam().path), "", Precision::kExact);
  const auto ids = Ids(*LoadJson(folder + "/trace.json").Find("ids"));
  int tables = 0;
  for (const kernels::KernelTable* table : kernels::AllTables()) {
    if ((DetectCpuFeatures() & table->needs) != table->needs) continue;
    SCOPED_TRACE(table->name);
    // Whole, which takes the chunked form where it is long enough, and token by token.
    for (const std::size_t cut : {ids.size(), std::size_t{1}}) {
      SCOPED_TRACE(cut);
      CompareAll(Comparison(folder, Record(model, *table, ids, cut)), model.config);
    }
    ++tables;
  }
  EXPECT_GE(tables, 1);
}

INSTANTIATE_TEST_SUITE_P(Models, TraceTest,
                         ::testing::Values(Case{"models/text-tied", "text-tied"},
                                           Case{"models/text-untied", "text-untied"},
                                           Case{"models/text-real-heads", "text-real-heads"}, Case{"models/vl", "vl"},
                                           Case{"models/vl-mtp", "vl-mtp"},
                                           Case{"gguf/text-tied-f32.gguf", "text-tied"},
                                           Case{"gguf/text-untied-bf16.gguf", "text-untied"},
                                           Case{"gguf/text-real-heads-bf16.gguf", "text-real-heads"},
                                           Case{"gguf/vl-mtp-bf16.gguf", "vl-mtp"}),
                         NamedByPath());

}  // namespace
}  // namespace thimble::testing
