// SPDX-License-Identifier: Apache-2.0
#include "host/find_vision.h"

#include "folder_test.h"
#include "host/open_model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kFixtures = std::string(THIMBLE_FIXTURES_DIR) + "/gguf/";

ModelFile Opened(const std::string& name) {
  auto file = OpenModelFile(kFixtures + name);
  EXPECT_TRUE(file.ok());
  return std::move(file).value();
}

TEST(SameTower, IsToldInAnyStorage) {
  for (const char* a : {"mmproj-vl-f32.gguf", "mmproj-vl-f16.gguf", "mmproj-vl-q8_0.gguf"}) {
    for (const char* b : {"mmproj-vl-f32.gguf", "mmproj-vl-f16.gguf", "mmproj-vl-q8_0.gguf"})
      EXPECT_TRUE(HoldSameTower(Opened(a), Opened(b))) << a << ' ' << b;
    EXPECT_FALSE(HoldSameTower(Opened(a), Opened("mmproj-vl-mtp-f32.gguf"))) << a;
  }
}

class FindVisionFileTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    fs::copy(kFixtures + "vl-q8_0.gguf", folder_ + "/model.gguf");
  }
  void Add(const std::string& fixture, const std::string& name) { fs::copy(kFixtures + fixture, folder_ + "/" + name); }
  FoundVisionFile Find(const Status& check = Done{}) {
    auto model = OpenModelFile(folder_ + "/model.gguf");
    EXPECT_TRUE(model.ok());
    return FindVisionFile(model.value(), 64, [&](const ModelFile&) { return check; });
  }
};

TEST_F(FindVisionFileTest, NoneIsNoRefusal) {
  const FoundVisionFile found = Find();
  EXPECT_EQ(found.file, nullptr);
  EXPECT_FALSE(found.choice.is_refusal);
  EXPECT_EQ(found.choice.path, "");
  EXPECT_THAT(found.choice.why, HasSubstr("no vision file (mmproj) was found"));
}

TEST_F(FindVisionFileTest, TheBestStorageOfOneTower) {
  Add("mmproj-vl-q8_0.gguf", "mmproj-a.gguf");
  Add("mmproj-vl-f32.gguf", "mmproj-b.gguf");
  FoundVisionFile found = Find();
  EXPECT_EQ(found.choice.path, folder_ + "/mmproj-a.gguf");
  EXPECT_TRUE(found.choice.is_guess);
  Add("mmproj-vl-f16.gguf", "eyes.gguf");
  found = Find();
  EXPECT_EQ(found.choice.path, folder_ + "/eyes.gguf");
  EXPECT_EQ(found.file->path(), found.choice.path);
  EXPECT_THAT(found.choice.others, ElementsAre(folder_ + "/mmproj-a.gguf", folder_ + "/mmproj-b.gguf"));
  EXPECT_THAT(found.choice.why, HasSubstr("differ in storage only (F16, Q8_0, F32), F16 is taken"));
}

TEST_F(FindVisionFileTest, NamesDecideWhereStorageDoesNot) {
  Add("mmproj-vl-f16.gguf", "mmproj-F16.gguf");
  Add("mmproj-vl-f16.gguf", "mmproj-other.gguf");
  FoundVisionFile found = Find();
  EXPECT_EQ(found.file, nullptr);
  EXPECT_TRUE(found.choice.is_refusal);
  EXPECT_THAT(found.choice.why, HasSubstr("2 vision files beside the model fit it"));
  EXPECT_EQ(found.choice.others.size(), 2U);
  Add("mmproj-vl-f16.gguf", "Model.mmproj-F16.gguf");
  found = Find();
  EXPECT_EQ(found.choice.path, folder_ + "/Model.mmproj-F16.gguf");
  EXPECT_FALSE(found.choice.is_guess);
}

TEST_F(FindVisionFileTest, WhatDoesNotFitIsNamedWithItsFault) {
  Add("mmproj-vl-f16.gguf", "mmproj-F16.gguf");
  const FoundVisionFile found = Find(Error{Code::kCorrupt, "the fault"});
  EXPECT_TRUE(found.choice.is_refusal);
  EXPECT_THAT(found.choice.why, HasSubstr("does not fit: the fault"));
  EXPECT_THAT(found.choice.others, ElementsAre(folder_ + "/mmproj-F16.gguf"));
}

}  // namespace
}  // namespace thimble::host
