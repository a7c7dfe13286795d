// SPDX-License-Identifier: Apache-2.0
// The oracle against the reference implementation's numbers, tensor by tensor: only what agrees with them may judge the
// engine. Then the engine against the oracle on inputs that no fixture has.
#include "oracle/oracle.h"

#include "conformance/loaded_model.h"
#include "model/mtp.h"
#include "model/vision.h"
#include "npy.h"
#include "pictures.h"

#include <gtest/gtest.h>

#include <random>

namespace thimble::oracle {
namespace {

using testing::CaseName;
using testing::Fixture;
using testing::Get;
using testing::Ids;
using testing::LoadJson;
using testing::LoadNpy;
using testing::NamedByPath;
using testing::NpyArray;

// A model's files and the oracle over them.
struct Opened {
  ModelFile text;
  std::unique_ptr<ModelFile> vision;
  ModelConfig config;
  Oracle oracle;

  explicit Opened(const std::string& path, const std::string& mmproj = "")
      : text(Get(host::OpenModelFile(Fixture(path)))),
        vision(mmproj.empty() ? nullptr : std::make_unique<ModelFile>(Get(host::OpenModelFile(Fixture(mmproj))))),
        config(ReadConfig(text, vision.get())),
        oracle(&text, vision.get(), &config) {}

  static ModelConfig ReadConfig(const ModelFile& text, const ModelFile* vision) {
    std::vector<std::string> warnings;
    return Get(ReadModelConfig(text, vision, &warnings));
  }
};

double LargestDifference(std::span<const double> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(a[i] - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}
double LargestDifference(const Matrix& a, std::span<const float> b) {
  return LargestDifference(std::span(a.values), b);
}

NpyArray Expected(const std::string& folder, const Json& file) {
  return LoadNpy(Fixture("expected/" + folder + "/" + file.Find("file")->text()));
}

Matrix FromFloats(std::span<const float> values, std::size_t cols) {
  Matrix out(values.size() / cols, cols);
  std::copy(values.begin(), values.end(), out.values.begin());
  return out;
}

class Traces : public ::testing::TestWithParam<const char*> {};

TEST_P(Traces, EveryTensorEqualsTheReference) {
  const std::string name = GetParam();
  Opened model("models/" + name);
  const Json trace = LoadJson(Fixture("expected/" + name + "/trace/trace.json"));
  const auto linear_layer = trace.Find("linear_layer")->AsInt().value_or(-1);
  const auto full_layer = trace.Find("full_layer")->AsInt().value_or(-1);
  std::size_t compared = 0;
  const auto compare = [&](const std::string& tensor, const Matrix& values) {
    const Json* file = trace.Find("tensors")->Find(tensor);
    if (file == nullptr) return;
    const NpyArray wanted = Expected(name + "/trace", *file);
    EXPECT_LT(LargestDifference(values, wanted.As<float>()),
              1e-4 * static_cast<double>(testing::Largest(wanted.As<float>())))
        << tensor;
    ++compared;
  };
  const auto ids = Ids(*trace.Find("ids"));
  model.oracle.Hidden(ids, TextPositions(ids.size()), {}, {},
                      [&](const std::string& tensor, int layer, const Matrix& values) {
                        if (tensor == "layer_out") return compare("layer" + std::to_string(layer) + "_out", values);
                        if (tensor.starts_with("gdn_") && layer != linear_layer) return;
                        if ((tensor.starts_with("attn_") || tensor.starts_with("rope_")) && layer != full_layer) return;
                        compare(tensor, values);
                      });
  EXPECT_EQ(compared, trace.Find("tensors")->members().size()) << "every traced tensor is compared, once";
}
INSTANTIATE_TEST_SUITE_P(Models, Traces,
                         ::testing::Values("text-tied", "text-untied", "text-real-heads", "vl", "vl-mtp"),
                         [](const auto& tested) { return CaseName(tested.param); });

struct LogitCase {
  const char* path;
  const char* expected;
  const char* weights;  // "": the stored numbers; else the quantised cases of that name
};
class Logits : public ::testing::TestWithParam<LogitCase> {};

TEST_P(Logits, EqualTheReference) {
  const std::string folder = GetParam().expected;
  const std::string weights = GetParam().weights;
  Opened model(GetParam().path);
  const Json cases = LoadJson(Fixture("expected/" + folder + "/text_cases.json"));
  int compared = 0;
  for (const Json& item : cases.Find(weights.empty() ? "cases" : "quantised_cases")->items()) {
    const std::string name = item.Find("name")->text();
    const auto ids = Ids(*item.Find("ids"));
    // The long ones cost seconds here and are the engine's business.
    if (ids.size() > 70 || (!weights.empty() && item.Find("weights")->text() != weights)) continue;
    SCOPED_TRACE(name);
    const Matrix hidden = model.oracle.Hidden(ids);
    const Matrix logits = model.oracle.Logits(hidden.Rows(hidden.rows - 1, 1));
    EXPECT_LT(LargestDifference(logits, Expected(folder, *item.Find("files")->Find("last_logits")).As<float>()), 1e-3);
    if (const Json* all = item.Find("files")->Find("logits"); all != nullptr) {
      EXPECT_LT(LargestDifference(model.oracle.Logits(hidden), Expected(folder, *all).As<float>()), 1e-3);
    }
    ++compared;
  }
  EXPECT_GE(compared, 2);
}
INSTANTIATE_TEST_SUITE_P(Models, Logits,
                         ::testing::Values(LogitCase{"models/text-tied", "text-tied", ""},
                                           LogitCase{"models/text-untied", "text-untied", ""},
                                           LogitCase{"models/vl", "vl", ""},
                                           LogitCase{"gguf/text-untied-bf16.gguf", "text-untied", ""},
                                           LogitCase{"gguf/text-real-heads-q8_0.gguf", "text-real-heads", "q8_0"},
                                           LogitCase{"gguf/vl-mtp-q8_0.gguf", "vl-mtp", "q8_0"}),
                         NamedByPath());

struct TowerCase {
  const char* path;
  const char* mmproj;
  const char* expected;
};
class Towers : public ::testing::TestWithParam<TowerCase> {};

TEST_P(Towers, EveryTensorEqualsTheReference) {
  const std::string folder = std::string(GetParam().expected) + "/tower";
  Opened model(GetParam().path, GetParam().mmproj);
  const PixelLimits limits =
      Get(ReadPixelLimits(Get(host::OpenModelFile(Fixture(std::string("models/") + GetParam().expected)))));
  const Json cases = LoadJson(Fixture("expected/" + folder + "/tower_cases.json"));
  for (const Json& item : cases.items()) {
    const std::string image = item.Find("image")->text();
    SCOPED_TRACE(image);
    const Image decoded = testing::LoadPicture(image);
    const Patches patches = Get(PatchifyImage(decoded, PatchSizes{}, limits));
    const Matrix rows =
        FromFloats(patches.values.span(), patches.values.size() / static_cast<std::size_t>(patches.num_patches()));
    std::size_t compared = 0;
    model.oracle.Tower(rows, patches.grid_t, patches.grid_h, patches.grid_w,
                       [&](const std::string& name, int, const Matrix& values) {
                         const Json* file = item.Find("files")->Find(name);
                         if (file == nullptr) return;
                         const NpyArray wanted = Expected(folder, *file);
                         EXPECT_LT(LargestDifference(values, wanted.As<float>()),
                                   1e-4 * static_cast<double>(testing::Largest(wanted.As<float>())))
                             << name;
                         ++compared;
                       });
    EXPECT_EQ(compared, item.Find("files")->members().size());
  }
}
INSTANTIATE_TEST_SUITE_P(Models, Towers,
                         ::testing::Values(TowerCase{"models/vl", "", "vl"}, TowerCase{"models/vl-mtp", "", "vl-mtp"},
                                           TowerCase{"gguf/vl-f32.gguf", "gguf/mmproj-vl-f32.gguf", "vl"},
                                           TowerCase{"gguf/vl-mtp-bf16.gguf", "gguf/mmproj-vl-mtp-f32.gguf", "vl-mtp"}),
                         NamedByPath());

TEST(Drafts, EqualTheSpecifiedNumbers) {
  const Json cases = LoadJson(Fixture("expected/vl-mtp/mtp_cases.json"));
  for (const char* path : {"models/vl-mtp", "gguf/vl-mtp-bf16.gguf"}) {
    SCOPED_TRACE(path);
    Opened model(path);
    for (const Json& item : cases.Find("cases")->items()) {
      SCOPED_TRACE(item.Find("name")->text());
      const auto ids = Ids(*item.Find("ids"));
      Matrix hidden = model.oracle.Hidden(ids);
      EXPECT_LT(LargestDifference(hidden,
                                  Expected("vl-mtp", *item.Find("files")->Find("hidden_after_final_norm")).As<float>()),
                1e-3);
      std::vector<std::int32_t> next(ids.begin() + 1, ids.end());
      next.push_back(static_cast<std::int32_t>(item.Find("main_next")->AsInt().value_or(-1)));
      const NpyArray wanted = Expected("vl-mtp", *item.Find("files")->Find("draft_logits"));
      const auto vocab = static_cast<std::size_t>(model.config.vocab);
      std::size_t step = 0;
      for (const std::int32_t draft : Ids(*item.Find("drafts"))) {
        const Matrix rows = model.oracle.Drafts(hidden, next, TextPositions(next.size()));
        const Matrix logits = model.oracle.Logits(rows.Rows(rows.rows - 1, 1));
        EXPECT_LT(LargestDifference(logits, wanted.As<float>().subspan(step * vocab, vocab)), 1e-3) << "draft " << step;
        const auto best = std::max_element(logits.values.begin(), logits.values.end());
        EXPECT_EQ(best - logits.values.begin(), draft);
        hidden.AddRow(rows, rows.rows - 1);
        next.push_back(draft);
        ++step;
      }
      EXPECT_EQ(step, 3U);
    }
  }
}

// Positions that differ by axis, pictures in odd places: nothing of this is in a fixture.
TEST(Engine, EqualsTheOracleOnRandomPositionsAndPictures) {
  for (const char* path : {"models/text-tied", "models/text-untied", "models/text-real-heads",
                           "gguf/text-untied-bf16.gguf", "gguf/text-real-heads-q8_0.gguf", "gguf/vl-mtp-q8_0.gguf"}) {
    SCOPED_TRACE(path);
    Opened model(path);
    testing::LoadedModel engine(Fixture(path), "", Precision::kExact);
    std::mt19937 random(11);
    std::normal_distribution<float> normal(0, 0.5F);
    constexpr std::size_t kRows = 67;
    const auto width = static_cast<std::size_t>(engine.config.width);
    std::vector<std::int32_t> ids(kRows);
    std::vector<Position> positions(kRows);
    std::vector<Position3> places(kRows);
    std::vector<std::int32_t> picture_row(kRows, -1);
    std::vector<float> pictures(9 * width);
    for (float& value : pictures) value = normal(random);
    for (std::size_t t = 0; t < kRows; ++t) {
      ids[t] = static_cast<std::int32_t>(random() % 2000);
      for (int& axis : places[t]) axis = static_cast<int>(random() % 3000);
      positions[t] = {places[t][0], places[t][1], places[t][2]};
      if (t % 5 == 1) picture_row[t] = static_cast<std::int32_t>(random() % 9);
    }
    const Matrix hidden = model.oracle.Hidden(ids, places, picture_row, FromFloats(pictures, width), {});
    const Matrix wanted = model.oracle.Logits(hidden.Rows(kRows - 1, 1));
    Batch batch = testing::TextBatch(ids, positions, LogitRows::kLast);
    std::vector<const float*> picture_rows(kRows, nullptr);
    for (std::size_t t = 0; t < kRows; ++t) {
      if (picture_row[t] >= 0) picture_rows[t] = pictures.data() + static_cast<std::size_t>(picture_row[t]) * width;
    }
    batch.picture_rows = picture_rows;
    DecoderState state = engine.NewState();
    Get(engine.decoder.Forward(batch, &state, &engine.scratch, engine.ops));
    EXPECT_LT(LargestDifference(wanted, engine.scratch.logits().RowSpan(0)), 1e-3);
  }
}

TEST(Engine, TowerEqualsTheOracleOnAVideoOfNoise) {
  for (const char* path : {"models/vl", "models/vl-mtp"}) {
    SCOPED_TRACE(path);
    Opened model(path);
    testing::LoadedModel engine(Fixture(path), "", Precision::kExact);
    Patches patches;
    patches.grid_t = 3;
    patches.grid_h = 6;
    patches.grid_w = 10;
    constexpr std::size_t kCols = 1536;
    patches.values = Get(Buffer<float>::Create(static_cast<std::size_t>(patches.num_patches()) * kCols));
    std::mt19937 random(12);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& value : patches.values.span()) value = uniform(random);
    const Matrix wanted = model.oracle.Tower(FromFloats(patches.values.span(), kCols), 3, 6, 10, {});
    if (!engine.config.vision.has_value() || engine.weights.vision == nullptr) FAIL() << "no vision tower";
    const VisionRows rows = Get(EncodePatches(*engine.config.vision, *engine.weights.vision, patches, engine.ops, {}));
    EXPECT_LT(LargestDifference(wanted, rows.rows.span()), 1e-4);
  }
}

TEST(Engine, DraftsEqualTheOracleOnRandomHiddenRows) {
  Opened model("models/vl-mtp");
  testing::LoadedModel engine(Fixture("models/vl-mtp"), "", Precision::kExact);
  const MtpHead head(&engine.config, &engine.weights);
  std::mt19937 random(13);
  std::normal_distribution<float> normal;
  constexpr std::size_t kRows = 40;
  std::vector<float> hidden(kRows * static_cast<std::size_t>(engine.config.width));
  for (float& value : hidden) value = normal(random);
  std::vector<std::int32_t> next(kRows);
  for (auto& id : next) id = static_cast<std::int32_t>(random() % 2000);
  const Matrix rows = model.oracle.Drafts(FromFloats(hidden, static_cast<std::size_t>(engine.config.width)), next,
                                          TextPositions(kRows));
  DecoderState state = Get(head.CreateState(64, KvType::kF32));
  Get(head.Forward({hidden.data(), kRows, engine.config.width}, next, testing::TextPositions(0, kRows),
                   LogitRows::kLast, &state, &engine.scratch, engine.ops));
  const MatView<const float> own = engine.scratch.draft_hidden();
  EXPECT_LT(LargestDifference(rows, {own.data, kRows * static_cast<std::size_t>(engine.config.width)}), 1e-3);
  EXPECT_LT(LargestDifference(model.oracle.Logits(rows.Rows(kRows - 1, 1)), engine.scratch.logits().RowSpan(0)), 1e-3);
}

}  // namespace
}  // namespace thimble::oracle
