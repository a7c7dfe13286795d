// SPDX-License-Identifier: Apache-2.0
#include "host/find_model.h"

#include "folder_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kGguf = std::string(THIMBLE_FIXTURES_DIR) + "/gguf/";
const std::string kModels = std::string(THIMBLE_FIXTURES_DIR) + "/models/";

class FindModelTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    fs::copy(kGguf + "vl-q8_0.gguf", folder_ + "/model.gguf");
  }
  [[nodiscard]] ModelFiles Find(const FindOptions& options = {}) const {
    auto files = FindModel(folder_ + "/model.gguf", options);
    EXPECT_TRUE(files.ok()) << files.error().message;
    return std::move(files).value();
  }
};

TEST_F(FindModelTest, TakesTheVisionFileBesideIt) {
  EXPECT_EQ(Find().vision, nullptr);
  EXPECT_FALSE(Find().vision_choice.is_refusal);
  fs::copy(kGguf + "mmproj-vl-f16.gguf", folder_ + "/mmproj.gguf");
  const ModelFiles files = Find();
  ASSERT_NE(files.vision, nullptr);
  EXPECT_EQ(files.text->path(), folder_ + "/model.gguf");
  EXPECT_EQ(files.vision_choice.path, folder_ + "/mmproj.gguf");
  EXPECT_TRUE(files.vision_choice.is_found);
  EXPECT_GT(files.seconds, 0);
}

TEST_F(FindModelTest, LeavesOutAVisionFileThatDoesNotFit) {
  fs::copy(kGguf + "mmproj-vl-f16.gguf", folder_ + "/mmproj.gguf");
  fs::resize_file(folder_ + "/mmproj.gguf", fs::file_size(folder_ + "/mmproj.gguf") / 2);
  const ModelFiles files = Find();
  EXPECT_EQ(files.vision, nullptr);
  EXPECT_TRUE(files.vision_choice.is_refusal);
  EXPECT_THAT(files.vision_choice.why, HasSubstr("cannot be read: "));
  EXPECT_THAT(files.vision_choice.others, ElementsAre(folder_ + "/mmproj.gguf"));
  // The model opens without it, and says so.
  OpenOptions options;
  options.model = folder_ + "/model.gguf";
  const auto engine = OpenModel(options);
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  EXPECT_FALSE(engine.value()->can_see());
  EXPECT_THAT(engine.value()->warnings(), ElementsAre(files.vision_choice.why));
  // Asked for by name it is an error.
  options.mmproj = folder_ + "/mmproj.gguf";
  EXPECT_EQ(OpenModel(options).error().code, Code::kCorrupt);
}

TEST_F(FindModelTest, TakesTheVisionFileThatIsNamed) {
  const ModelFiles files = Find({kGguf + "mmproj-vl-f32.gguf"});
  ASSERT_NE(files.vision, nullptr);
  EXPECT_FALSE(files.vision_choice.is_found);
  EXPECT_EQ(files.vision_choice.why, "given with --mmproj");
  const auto absent = FindModel(folder_ + "/model.gguf", {folder_ + "/absent.gguf"});
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  // One of another model is found, and refused when the model is opened.
  OpenOptions options;
  options.model = kGguf + "text-untied-bf16.gguf";
  options.mmproj = kGguf + "mmproj-vl-f32.gguf";
  const auto engine = OpenModel(options);
  ASSERT_FALSE(engine.ok());
  EXPECT_THAT(engine.error().message, HasSubstr("belongs to another model"));
}

TEST_F(FindModelTest, AFoldersOwnTowerNeedsNoFile) {
  OpenOptions options;
  options.model = kModels + "vl";
  const auto described = DescribeModel(options);
  ASSERT_TRUE(described.ok()) << described.error().message;
  EXPECT_TRUE(described.value().config.vision.has_value());
  EXPECT_EQ(described.value().vision_choice.why, "the tower is in the model's own file");
  EXPECT_FALSE(described.value().mmproj_path.has_value());
}

TEST_F(FindModelTest, SaysWhatLiesInTheWeightsPlace) {
  const std::string folder = folder_ + "/vocabulary";
  fs::create_directories(folder);
  fs::copy(kModels + "vl/tokenizer.json", folder + "/tokenizer.json");
  std::ofstream(folder + "/model.safetensors.part") << "half";
  EXPECT_TRUE(OpenTextModel(folder).ok());
  OpenOptions options;
  options.model = folder;
  const auto engine = OpenModel(options);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, Code::kNotFound);
  EXPECT_THAT(engine.error().message, HasSubstr("holds a vocabulary and no weights"));
  EXPECT_THAT(engine.error().message, HasSubstr("; model.safetensors.part is "));
}

}  // namespace
}  // namespace thimble::host
