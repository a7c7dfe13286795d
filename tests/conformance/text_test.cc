// SPDX-License-Identifier: Apache-2.0
// The text decoder against the reference implementation's own numbers (fixtures: expected/<model>/text_cases.json).
#include "conformance/loaded_model.h"
#include "npy.h"

#include <gtest/gtest.h>

namespace thimble::testing {
namespace {

constexpr float kLogitTolerance = 1e-3F;  // absolute; logits have a standard deviation of 3 to 3.7

struct Case {
  const char* path;      // below the fixtures
  const char* expected;  // folder below expected/
  const char* weights;   // "": exactly the stored numbers; else the quantised cases of that name
};

class Text : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] std::string ExpectedFile(const std::string& name) const {
    return Fixture(std::string("expected/") + GetParam().expected + "/" + name);
  }

  void CheckGreedy(LoadedModel& model, const Json& item) {
    const Json* greedy = item.Find("greedy");
    if (greedy == nullptr) return;
    const auto wanted = Ids(*greedy->Find("ids"));
    DecoderState state = model.NewState();
    Feed(model, state, Ids(*item.Find("ids")), LogitRows::kLast);
    const NpyArray top_logits = LoadNpy(ExpectedFile(greedy->Find("top5_logits")->Find("file")->text()));
    const NpyArray top_ids = LoadNpy(ExpectedFile(greedy->Find("top5_ids")->Find("file")->text()));
    for (std::size_t step = 0; step < wanted.size(); ++step) {
      const auto logits = model.scratch.logits().RowSpan(0);
      for (std::size_t i = 0; i < 5; ++i) {
        const auto id = static_cast<std::size_t>(top_ids.As<std::int32_t>()[step * 5 + i]);
        EXPECT_NEAR(logits[id], top_logits.As<float>()[step * 5 + i], kLogitTolerance) << "step " << step;
      }
      const std::int32_t next = ArgMax(logits);
      ASSERT_EQ(next, wanted[step]) << "step " << step;
      Feed(model, state, {&next, 1}, LogitRows::kLast);
    }
  }
};

TEST_P(Text, LogitsAndGreedyTokensEqualTheReference) {
  LoadedModel model(Fixture(GetParam().path), "", Precision::kExact);
  const Json cases = LoadJson(ExpectedFile("text_cases.json"));
  const std::string weights = GetParam().weights;
  int checked = 0;
  for (const Json& item : cases.Find(weights.empty() ? "cases" : "quantised_cases")->items()) {
    const std::string name = item.Find("name")->text();
    if (!weights.empty() && item.Find("weights")->text() != weights) continue;
    SCOPED_TRACE(name);
    const auto ids = Ids(*item.Find("ids"));
    const Json& files = *item.Find("files");
    DecoderState state = model.NewState();
    Feed(model, state, ids, LogitRows::kLast);
    const NpyArray last = LoadNpy(ExpectedFile(files.Find("last_logits")->Find("file")->text()));
    EXPECT_LT(LargestDifference(model.scratch.logits().RowSpan(0), last.As<float>()), kLogitTolerance);
    const NpyArray argmax = LoadNpy(ExpectedFile(files.Find("argmax")->Find("file")->text()));
    const NpyArray maxima =
        weights.empty() ? LoadNpy(ExpectedFile(files.Find("max_logit")->Find("file")->text())) : NpyArray{};
    std::vector<float> hidden(model.scratch.hidden().data,
                              model.scratch.hidden().data + ids.size() * static_cast<std::size_t>(model.config.width));
    for (std::size_t row = 0; row < ids.size(); ++row) {
      const MatView<const float> one(hidden.data() + row * static_cast<std::size_t>(model.config.width), 1,
                                     model.config.width);
      Get(model.decoder.Head(one, &model.scratch, model.ops));
      const auto logits = model.scratch.logits().RowSpan(0);
      EXPECT_EQ(ArgMax(logits), argmax.As<std::int32_t>()[row]) << "row " << row;
      if (weights.empty()) {
        EXPECT_NEAR(logits[static_cast<std::size_t>(ArgMax(logits))], maxima.As<float>()[row], kLogitTolerance)
            << "row " << row;
      }
    }
    CheckGreedy(model, item);
    ++checked;
  }
  EXPECT_GE(checked, weights.empty() ? 9 : 2);
}

INSTANTIATE_TEST_SUITE_P(Folders, Text,
                         ::testing::Values(Case{"models/text-tied", "text-tied", ""},
                                           Case{"models/text-untied", "text-untied", ""},
                                           Case{"models/text-real-heads", "text-real-heads", ""},
                                           Case{"models/vl", "vl", ""}, Case{"models/vl-mtp", "vl-mtp", ""}),
                         NamedByPath());
INSTANTIATE_TEST_SUITE_P(Gguf, Text,
                         ::testing::Values(Case{"gguf/text-tied-f32.gguf", "text-tied", ""},
                                           Case{"gguf/text-untied-bf16.gguf", "text-untied", ""},
                                           Case{"gguf/text-real-heads-bf16.gguf", "text-real-heads", ""},
                                           Case{"gguf/vl-f32.gguf", "vl", ""},
                                           Case{"gguf/vl-mtp-bf16.gguf", "vl-mtp", ""},
                                           Case{"gguf/vl-mtp-nomtp-bf16.gguf", "vl-mtp", ""}),
                         NamedByPath());
INSTANTIATE_TEST_SUITE_P(Quantised, Text,
                         ::testing::Values(Case{"gguf/text-tied-f16.gguf", "text-tied", "f16"},
                                           Case{"gguf/text-tied-q8_0.gguf", "text-tied", "q8_0"},
                                           Case{"gguf/text-untied-q8_0.gguf", "text-untied", "q8_0"},
                                           Case{"gguf/text-real-heads-q8_0.gguf", "text-real-heads", "q8_0"},
                                           Case{"gguf/vl-q8_0.gguf", "vl", "q8_0"},
                                           Case{"gguf/vl-mtp-q8_0.gguf", "vl-mtp", "q8_0"}),
                         NamedByPath());

// The default path: int8 activations. Relative RMS of the logits stays below a tenth.
TEST(TextFast, Int8ActivationsStayCloseOnQ8Files) {
  for (const char* name : {"text-tied", "text-untied", "text-real-heads", "vl", "vl-mtp"}) {
    SCOPED_TRACE(name);
    LoadedModel model(Fixture(std::string("gguf/") + name + "-q8_0.gguf"), "", Precision::kFast);
    const Json cases = LoadJson(Fixture(std::string("expected/") + name + "/text_cases.json"));
    for (const Json& item : cases.Find("quantised_cases")->items()) {
      if (item.Find("weights")->text() != "q8_0") continue;
      DecoderState state = model.NewState();
      Feed(model, state, Ids(*item.Find("ids")), LogitRows::kLast);
      const NpyArray last = LoadNpy(Fixture(std::string("expected/") + name + "/" +
                                            item.Find("files")->Find("last_logits")->Find("file")->text()));
      const double rms = RelativeRms(model.scratch.logits().RowSpan(0), last.As<float>());
      RecordProperty(std::string(name) + "." + item.Find("name")->text(), std::to_string(rms));
      EXPECT_LT(rms, 0.1) << item.Find("name")->text();
      if (std::getenv("THIMBLE_VERBOSE") != nullptr)
        std::printf("%s %s relative RMS %.4f\n", name, item.Find("name")->text().c_str(), rms);
    }
  }
}

}  // namespace
}  // namespace thimble::testing
