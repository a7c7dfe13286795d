// SPDX-License-Identifier: Apache-2.0
#include "host/pack_files.h"

#include "gguf_writer.h"
#include "host/pack_store.h"
#include "sources.h"
#include "sys/replacement_file.h"

#include "folder_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A folder of models and one of caches, each with a folder in it.
class PackFilesTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    folders_ = {folder_ + "/models", folder_ + "/cache"};
    for (const std::string& folder : folders_) fs::create_directories(folder + "/m");
  }
  void Put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
  }
  [[nodiscard]] bool IsThere(const std::string& name) const { return fs::exists(folder_ + "/" + name); }
  [[nodiscard]] std::vector<std::string> Left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) names.push_back(entry.path().string().substr(folder_.size() + 1));
    }
    return names;
  }

  std::vector<std::string> folders_;
};

TEST_F(PackFilesTest, AreCountedAndDeletedAndNothingElse) {
  Put("models/m/m.gguf", "GGUF");
  Put("models/m/m.gguf.thimble-pack", "THIMPACK and more");
  Put("cache/m/m.gguf.thimble-pack8", "THIMPACK");
  Put("cache/m/m.gguf.thimble-pack7.part", "THIM");  // its writer died
  Put("cache/m/threads.json", "{}");
  Put("models/m/mine.thimble-packed", "THIMPACK");
  Put("elsewhere.thimble-pack", "THIMPACK");
  EXPECT_EQ(PackBytes(folders_), 17U + 8 + 4);
  ASSERT_TRUE(DeletePacks(folders_, nullptr).ok());
  EXPECT_EQ(PackBytes(folders_), 0U);
  EXPECT_THAT(Left(), UnorderedElementsAre("models/m/m.gguf", "cache/m/threads.json", "models/m/mine.thimble-packed",
                                           "elsewhere.thimble-pack"));
  EXPECT_TRUE(DeletePacks(folders_, nullptr).ok());  // nothing to do
  const std::array<std::string, 1> none = {folder_ + "/nothing"};
  EXPECT_EQ(PackBytes(none), 0U);
  EXPECT_TRUE(DeletePacks(none, nullptr).ok());
}

TEST_F(PackFilesTest, WhatOnlyHasTheNameStays) {
  Put("models/m/m.gguf.thimble-pack", "something of the user's");
  fs::create_symlink(folder_ + "/elsewhere", folder_ + "/models/m/l.gguf.thimble-pack");
  Put("elsewhere", "THIMPACK");
  ASSERT_TRUE(DeletePacks(folders_, nullptr).ok());
  EXPECT_TRUE(IsThere("models/m/m.gguf.thimble-pack"));
  EXPECT_TRUE(fs::is_symlink(folder_ + "/models/m/l.gguf.thimble-pack"));
  EXPECT_TRUE(IsThere("elsewhere"));
}

TEST_F(PackFilesTest, WhatIsReadStaysUntilItIsClosed) {
  testing::GgufWriter writer;
  writer.TextKey("general.architecture", "qwen35");
  writer.Tensor("a", {32, 1}, 0, std::string(128, 'x'));
  const auto bytes = writer.Bytes();
  Put("models/m/m.gguf", std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  Put("models/m/m.gguf.thimble-pack", "THIMPACK");
  Put("models/m/other.gguf.thimble-pack", "THIMPACK");
  const WatchedPacks packs(FolderPackStore(folder_ + "/cache/m"));
  const auto model = testing::MappedGguf(folder_ + "/models/m/m.gguf");
  ASSERT_TRUE(model.ok());
  std::vector<KeptPack> kept = packs.Open(model.value(), "pack");
  ASSERT_EQ(kept.size(), 1U);
  const std::vector<std::string> round{folder_ + "/models/../models"};  // the same folder by another name
  ASSERT_TRUE(DeletePacks(round, &packs).ok());
  EXPECT_TRUE(IsThere("models/m/m.gguf.thimble-pack"));
  EXPECT_FALSE(IsThere("models/m/other.gguf.thimble-pack"));
  kept.clear();
  ASSERT_TRUE(DeletePacks(folders_, &packs).ok());
  EXPECT_THAT(Left(), ElementsAre("models/m/m.gguf"));
}

TEST_F(PackFilesTest, WhatIsBeingWrittenStays) {
  const std::string path = folder_ + "/cache/m/m.gguf.thimble-pack";
  auto file = ReplacementFile::Begin(path, 8);
  if (!file.ok()) GTEST_SKIP() << file.error().message;  // a disk that is nearly full
  ASSERT_TRUE(DeletePacks(folders_, nullptr).ok());
  ASSERT_TRUE(file.value()->Append(std::as_bytes(std::span("THIMPACK", 8))).ok());
  ASSERT_TRUE(file.value()->Commit().ok());
  EXPECT_THAT(Left(), ElementsAre("cache/m/m.gguf.thimble-pack"));
  ASSERT_TRUE(DeletePacks(folders_, nullptr).ok());
  EXPECT_THAT(Left(), IsEmpty());
}

}  // namespace
}  // namespace thimble::host
