// SPDX-License-Identifier: Apache-2.0
#include "host/import.h"

#include "conformance/loaded_model.h"
#include "folder_test.h"
#include "host/store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using testing::Fixture;
using testing::Get;

class Import : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    setenv("THIMBLE_HOME", folder_.c_str(), 1);
    fs::create_directory(folder_ + "/from");
    fs::copy(Fixture("gguf/vl-q8_0.gguf"), model_ = folder_ + "/from/vl.gguf");
    fs::copy(Fixture("gguf/mmproj-vl-q8_0.gguf"), folder_ + "/from/mmproj-vl.gguf");
  }
  void TearDown() override {
    unsetenv("THIMBLE_HOME");
    FolderTest::TearDown();
  }
  [[nodiscard]] std::vector<std::string> Stored() const {
    std::vector<std::string> names;
    if (!fs::exists(ModelsFolder())) return names;
    for (const auto& entry : fs::directory_iterator(ModelsFolder())) names.push_back(entry.path().filename().string());
    return names;
  }

  std::string model_;
};

TEST_F(Import, CopiesAModelAndItsVisionFile) {
  const ImportPlan plan = Get(PlanImport(model_, ""));
  ASSERT_EQ(plan.items.size(), 2u);
  double last = 0;
  const auto progress = [&](double share) {
    EXPECT_GE(share, last);
    EXPECT_LE(share, 1.0);
    last = share;
    return true;
  };
  const Json manifest = Get(ImportModel(plan, {"eyes", false, progress}));
  EXPECT_EQ(manifest.Find("name")->text(), "eyes");
  EXPECT_EQ(manifest.Find("imported_as")->text(), "copy");
  EXPECT_EQ(manifest.Find("files")->items().size(), 2u);
  EXPECT_EQ(manifest.Find("files")->items()[0].Find("sha256")->text().size(), 64u);
  EXPECT_GT(last, 0);
  EXPECT_EQ(Stored(), std::vector<std::string>{"eyes"});
  EXPECT_FALSE(fs::is_symlink(ModelsFolder() + "/eyes/vl.gguf"));
  EXPECT_EQ(FindModelByName("eyes").path, ModelsFolder() + "/eyes");
  // A second one of that name is refused, and the first stays.
  const auto again = ImportModel(plan, {"eyes", false, {}});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kInvalid);
  EXPECT_TRUE(fs::exists(ModelsFolder() + "/eyes/manifest.json"));
}

TEST_F(Import, LinksWhereItIsAsked) {
  const Json manifest = Get(ImportModel(Get(PlanImport(model_, "")), {"eyes", true, {}}));
  EXPECT_EQ(manifest.Find("imported_as")->text(), "link");
  EXPECT_TRUE(fs::is_symlink(ModelsFolder() + "/eyes/vl.gguf"));
}

TEST_F(Import, NothingIsKeptOfWhatIsCancelledOrChanges) {
  const ImportPlan plan = Get(PlanImport(model_, ""));
  const auto cancelled = ImportModel(plan, {"eyes", false, [](double) { return false; }});
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, Code::kCancelled);
  EXPECT_TRUE(Stored().empty());
  const auto grow = [&](double) {
    std::ofstream(model_, std::ios::app) << "more";
    return true;
  };
  const auto changed = ImportModel(plan, {"eyes", false, grow});
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code, Code::kSystem);
  EXPECT_NE(changed.error().message.find("was changed while it was read"), std::string::npos);
  EXPECT_TRUE(Stored().empty());
}

TEST_F(Import, Names) {
  EXPECT_EQ(NameForImport("/a/Some-Model-00002-of-00003.gguf"), "some-model");
  EXPECT_EQ(NameForImport("/a/My Model/"), "my-model");
  EXPECT_EQ(NameForImport("/a/folder/model.safetensors"), "folder");
  EXPECT_TRUE(CheckImportName("a").ok());
  for (const char* name : {"", "../evil", "builtin", ".x"}) EXPECT_FALSE(CheckImportName(name).ok()) << name;
}

}  // namespace
}  // namespace thimble::host
