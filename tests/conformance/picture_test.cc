// SPDX-License-Identifier: Apache-2.0
// Vision tower, prompts with pictures and videos, and the draft head against the reference's numbers.
#include "conformance/loaded_model.h"
#include "model/mtp.h"
#include "model/vision.h"
#include "npy.h"
#include "pictures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace thimble::testing {
namespace {

struct Case {
  const char* path;
  const char* mmproj;
  const char* expected;
};
class Pictures : public ::testing::TestWithParam<Case> {
 protected:
  Pictures()
      : model_(Fixture(GetParam().path), *GetParam().mmproj == 0 ? "" : Fixture(GetParam().mmproj), Precision::kExact) {
  }
  [[nodiscard]] static std::string ExpectedFile(const std::string& name) {
    return Fixture(std::string("expected/") + GetParam().expected + "/" + name);
  }
  [[nodiscard]] static PixelLimits Limits() {
    return Get(ReadPixelLimits(Get(host::OpenModelFile(Fixture(std::string("models/") + GetParam().expected)))));
  }
  [[nodiscard]] Patches PatchesOf(const std::string& image) const {
    const Image decoded = LoadPicture(image);
    return Get(PatchifyImage(decoded, model_.config.vision->patches, Limits()));
  }
  VisionRows Encode(const Patches& patches, const Trace* trace = nullptr) {
    VisionOptions options;
    options.trace = trace;
    return Get(EncodePatches(*model_.config.vision, *model_.weights.vision, patches, model_.ops, options));
  }

  // Runs a prompt whose placeholders are the given rows, then greedy steps.
  void CheckPrompt(const Json& item, const std::string& folder, const std::vector<float>& rows) {
    const auto ids = Ids(*item.Find("ids"));
    const Json& files = *item.Find("files");
    const NpyArray places = LoadNpy(ExpectedFile(folder + files.Find("positions_thw")->Find("file")->text()));
    std::vector<Position> positions(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto axis = [&](std::size_t a) { return places.As<std::int32_t>()[a * ids.size() + i]; };
      positions[i] = {axis(0), axis(1), axis(2)};
    }
    const std::int32_t image_pad = 2012;
    const std::int32_t video_pad = 2013;
    const auto width = static_cast<std::size_t>(model_.config.width);
    std::vector<const float*> picture_rows(ids.size(), nullptr);
    std::size_t next = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] == image_pad || ids[i] == video_pad) picture_rows[i] = rows.data() + width * next++;
    }
    ASSERT_EQ(rows.size(), next * width);
    Batch batch = TextBatch(ids, positions, LogitRows::kLast);
    batch.picture_rows = picture_rows;
    DecoderState state = model_.NewState();
    Get(model_.decoder.Forward(batch, &state, &model_.scratch, model_.ops));
    state.CommitAll();
    const NpyArray last = LoadNpy(ExpectedFile(folder + files.Find("last_logits")->Find("file")->text()));
    EXPECT_LT(LargestDifference(model_.scratch.logits().RowSpan(0), last.As<float>()), 5e-3F);
    const auto delta = item.Find("rope_delta")->AsInt().value();
    for (const std::int32_t wanted : Ids(*item.Find("greedy")->Find("ids"))) {
      const std::int32_t id = ArgMax(model_.scratch.logits().RowSpan(0));
      ASSERT_EQ(id, wanted);
      const auto p = static_cast<std::int32_t>(state.length() + delta);
      const Position position{p, p, p};
      Get(model_.decoder.Forward(TextBatch({&id, 1}, {&position, 1}, LogitRows::kLast), &state, &model_.scratch,
                                 model_.ops));
      state.CommitAll();
    }
  }

  LoadedModel model_;
};

TEST_P(Pictures, TowerEqualsTheReference) {
  const Json cases = LoadJson(ExpectedFile("tower/tower_cases.json"));
  for (const Json& item : cases.items()) {
    SCOPED_TRACE(item.Find("image")->text());
    const Json& files = *item.Find("files");
    int compared = 0;
    const auto compare = [&](const char* key, MatView<const float> rows, float tolerance) {
      const Json* file = files.Find(key);
      if (file == nullptr) return;
      const NpyArray wanted = LoadNpy(ExpectedFile("tower/" + file->Find("file")->text()));
      EXPECT_LT(LargestDifference({rows.data, static_cast<std::size_t>(rows.rows * rows.cols)}, wanted.As<float>()),
                tolerance * std::max(1.0F, Largest(wanted.As<float>())))
          << key;
      ++compared;
    };
    const Trace trace = [&](std::string_view name, int layer, MatView<const float> rows) {
      if (name == "patch_embed") compare("patch_embed", rows, 1e-4F);
      if (name == "with_positions") compare("with_positions", rows, 1e-4F);
      if (name == "vision_block" && layer == 0) compare("block0", rows, 1e-4F);
      if (name == "vision_block" && layer + 1 == model_.config.vision->depth) compare("blocks_out", rows, 1e-4F);
    };
    const VisionRows rows = Encode(PatchesOf(item.Find("image")->text()), &trace);
    const NpyArray merged = LoadNpy(ExpectedFile("tower/" + files.Find("merged")->Find("file")->text()));
    EXPECT_LT(LargestDifference(rows.rows.span(), merged.As<float>()), 1e-4F);
    EXPECT_GE(compared, 1);
  }
}

// What processors get whose 8-bit products outrun float32; every instruction set can run it. docs/numerics.md has the
// bound.
TEST_P(Pictures, ARoundedTowerStaysNearTheReference) {
  for (const kernels::Family family : {kernels::Family::kU8Flat, kernels::Family::kU7Flat}) {
    const LoadedModel rounded(Fixture(GetParam().path), *GetParam().mmproj == 0 ? "" : Fixture(GetParam().mmproj),
                              Precision::kFast, 2, family);
    if (rounded.config.vision->width % kernels::kBlock != 0) GTEST_SKIP() << "rows of parts of blocks stay floats";
    ASSERT_EQ(rounded.weights.vision->blocks[0].fc1.family(), family);
    const Json cases = LoadJson(ExpectedFile("tower/tower_cases.json"));
    double error = 0;
    double size = 0;
    for (const Json& item : cases.items()) {
      const VisionRows rows = Get(EncodePatches(*rounded.config.vision, *rounded.weights.vision,
                                                PatchesOf(item.Find("image")->text()), rounded.ops, {}));
      const NpyArray merged =
          LoadNpy(ExpectedFile("tower/" + item.Find("files")->Find("merged")->Find("file")->text()));
      const auto wanted = merged.As<float>();
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        const double difference = static_cast<double>(rows.rows[i]) - static_cast<double>(wanted[i]);
        error += difference * difference;
        size += static_cast<double>(wanted[i]) * static_cast<double>(wanted[i]);
      }
    }
    const double relative = std::sqrt(error / size);
    if (std::getenv("THIMBLE_VERBOSE") != nullptr)
      std::printf("tower of %s codes: relative RMS %.4f\n", family == kernels::Family::kU8Flat ? "8-bit" : "7-bit",
                  relative);
    EXPECT_LT(relative, 0.05);
    EXPECT_GT(relative, 1e-6);  // else nothing was rounded
  }
}

TEST_P(Pictures, PromptsWithPicturesEqualTheReference) {
  const Json cases = LoadJson(ExpectedFile("vision/vision_cases.json"));
  for (const Json& item : cases.items()) {
    SCOPED_TRACE(item.Find("name")->text());
    const std::vector<Json>& images = item.Find("images")->items();
    if (!std::all_of(images.begin(), images.end(), [](const Json& image) { return CanLoadPicture(image.text()); })) {
      continue;
    }
    std::vector<float> rows;
    for (const Json& image : images) {
      const VisionRows one = Encode(PatchesOf(image.text()));
      rows.insert(rows.end(), one.rows.data(), one.rows.data() + one.rows.size());
    }
    CheckPrompt(item, "vision/", rows);
  }
}

TEST_P(Pictures, VideosEqualTheReference) {
  const VideoLimits limits =
      Get(ReadVideoLimits(Get(host::OpenModelFile(Fixture(std::string("models/") + GetParam().expected)))));
  const Json cases = LoadJson(ExpectedFile("video/video_cases.json"));
  for (const Json& item : cases.items()) {
    SCOPED_TRACE(item.Find("name")->text());
    const NpyArray frames = LoadNpy(ExpectedFile("video/" + item.Find("frames")->Find("file")->text()));
    std::vector<Image> images(static_cast<std::size_t>(frames.shape[0]));
    for (std::size_t i = 0; i < images.size(); ++i) {
      images[i].height = static_cast<int>(frames.shape[1]);
      images[i].width = static_cast<int>(frames.shape[2]);
      const std::size_t bytes = frames.bytes.size() / images.size();
      images[i].rgb.resize(bytes);
      std::memcpy(images[i].rgb.data(), frames.bytes.data() + i * bytes, bytes);
    }
    const VisionRows rows = Encode(Get(PatchifyVideo(images, model_.config.vision->patches, limits)));
    CheckPrompt(item, "video/", {rows.rows.data(), rows.rows.data() + rows.rows.size()});
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Pictures,
                         ::testing::Values(Case{"models/vl", "", "vl"}, Case{"models/vl-mtp", "", "vl-mtp"},
                                           Case{"gguf/vl-f32.gguf", "gguf/mmproj-vl-f32.gguf", "vl"},
                                           Case{"gguf/vl-mtp-bf16.gguf", "gguf/mmproj-vl-mtp-f32.gguf", "vl-mtp"}),
                         NamedByPath());

TEST(Mtp, DraftsEqualTheSpecification) {
  for (const char* path : {"models/vl-mtp", "gguf/vl-mtp-bf16.gguf"}) {
    LoadedModel model(Fixture(path), "", Precision::kExact);
    ASSERT_TRUE(model.config.has_mtp) << path;
    const MtpHead head(&model.config, &model.weights);
    const Json cases = LoadJson(Fixture("expected/vl-mtp/mtp_cases.json"));
    for (const Json& item : cases.Find("cases")->items()) {
      SCOPED_TRACE(item.Find("name")->text());
      auto ids = Ids(*item.Find("ids"));
      const auto main_next = static_cast<std::int32_t>(item.Find("main_next")->AsInt().value());
      DecoderState state = model.NewState();
      Feed(model, state, ids, LogitRows::kLast);
      ASSERT_EQ(ArgMax(model.scratch.logits().RowSpan(0)), main_next);
      const MatView<const float> rows = model.scratch.hidden();
      // Row i pairs the hidden row of position i with the token after it.
      std::vector<std::int32_t> shifted(ids.begin() + 1, ids.end());
      shifted.push_back(main_next);
      DecoderState drafts = Get(head.CreateState(512, KvType::kF32));
      auto positions = TextPositions(0, ids.size());
      Get(head.Forward(rows, shifted, positions, LogitRows::kLast, &drafts, &model.scratch, model.ops));
      const auto wanted = Ids(*item.Find("drafts"));
      const NpyArray logits =
          LoadNpy(Fixture("expected/vl-mtp/" + item.Find("files")->Find("draft_logits")->Find("file")->text()));
      const auto vocab = static_cast<std::size_t>(model.config.vocab);
      for (std::size_t step = 0; step < wanted.size(); ++step) {
        const auto got = model.scratch.logits().RowSpan(0);
        EXPECT_LT(LargestDifference(got, logits.As<float>().subspan(step * vocab, vocab)), 1e-3F) << "draft " << step;
        const std::int32_t draft = ArgMax(got);
        ASSERT_EQ(draft, wanted[step]);
        const MatView<const float> own = model.scratch.draft_hidden();
        const auto p = static_cast<std::int32_t>(ids.size() + step);
        const Position position{p, p, p};
        Get(head.Forward(own.Rows(own.rows - 1, 1), {&draft, 1}, {&position, 1}, LogitRows::kLast, &drafts,
                         &model.scratch, model.ops));
      }
      MtpHead::Truncate(static_cast<int>(ids.size()), &drafts);
      EXPECT_EQ(drafts.length(), static_cast<int>(ids.size()));
    }
  }
}

TEST(Mtp, AMaskAsksForItsTokensOnly) {
  LoadedModel model(Fixture("gguf/vl-mtp-q8_0.gguf"), "", Precision::kFast);
  const MtpHead head(&model.config, &model.weights);
  const std::vector<std::int32_t> ids = {5, 6, 7};
  const std::vector<std::int32_t> next = {6, 7, 8};
  DecoderState state = model.NewState();
  Feed(model, state, ids, LogitRows::kNone);
  const auto draft = [&](const LogitRequest& wanted) {
    DecoderState drafts = Get(head.CreateState(16, KvType::kF32));
    const auto positions = TextPositions(0, ids.size());
    Get(head.Forward(model.scratch.hidden(), next, positions, wanted, &drafts, &model.scratch, model.ops));
    const std::span<float> logits = model.scratch.logits().RowSpan(0);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const std::vector<float> all = draft(LogitRows::kLast);
  TokenMask mask(all.size());
  mask.Allow(17);
  LogitRequest some;
  some.mask = &mask;
  const std::vector<float> masked = draft(some);
  EXPECT_EQ(masked[17], all[17]);
  EXPECT_NE(masked[1000], all[1000]) << "its panel was computed";
  EXPECT_EQ(draft(LogitRows::kNone), masked) << "nobody asked for them";
}

TEST(Config, AVisionFileOfAnotherWidthIsRefusedByName) {
  // text-untied is 96 wide, the vl tower gives rows of 64.
  const ModelFile text = Get(host::OpenModelFile(Fixture("gguf/text-untied-bf16.gguf")));
  const ModelFile vision = Get(host::OpenModelFile(Fixture("gguf/mmproj-vl-f32.gguf")));
  std::vector<std::string> warnings;
  const auto config = ReadModelConfig(text, &vision, &warnings);
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message.find("64"), std::string::npos) << config.error().message;
  EXPECT_NE(config.error().message.find("96"), std::string::npos) << config.error().message;
}

}  // namespace
}  // namespace thimble::testing
