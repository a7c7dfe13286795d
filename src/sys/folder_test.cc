// SPDX-License-Identifier: Apache-2.0
#include "sys/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace thimble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "/folder_" + test->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/sub");
    std::ofstream(folder_ + "/b") << "x";
    std::ofstream(folder_ + "/a") << "x";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(FolderTest, KnowsFilesFromFolders) {
  std::filesystem::create_symlink(folder_ + "/a", folder_ + "/link");
  std::filesystem::create_symlink(folder_ + "/absent", folder_ + "/dangling");
  EXPECT_EQ(KindOfPath(folder_), PathKind::kFolder);
  EXPECT_EQ(KindOfPath(folder_ + "/a"), PathKind::kFile);
  EXPECT_EQ(KindOfPath(folder_ + "/link"), PathKind::kFile);
  EXPECT_EQ(KindOfPath(folder_ + "/dangling"), PathKind::kNothing);
  EXPECT_EQ(KindOfPath(folder_ + "/a/below"), PathKind::kNothing);
  EXPECT_EQ(KindOfPath(""), PathKind::kNothing);
  EXPECT_EQ(KindOfPath("/dev/null"), PathKind::kOther);
}

TEST_F(FolderTest, SaysWhereALinkLeads) {
  std::filesystem::create_symlink("../absent", folder_ + "/dangling");
  EXPECT_EQ(LinkTarget(folder_ + "/dangling"), "../absent");
  EXPECT_EQ(LinkTarget(folder_ + "/a"), "");
  EXPECT_EQ(LinkTarget(folder_ + "/nothing"), "");
}

TEST_F(FolderTest, ListsNamesInOrder) {
  const auto names = NamesInFolder(folder_);
  ASSERT_TRUE(names.ok()) << names.error().message;
  EXPECT_THAT(names.value(), ElementsAre("a", "b", "sub"));
  EXPECT_TRUE(NamesInFolder(folder_ + "/sub").value().empty());
}

TEST_F(FolderTest, RefusesWhatIsNoFolder) {
  const auto absent = NamesInFolder(folder_ + "/absent");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  EXPECT_THAT(absent.error().message, HasSubstr("absent: [file] cannot list the folder"));
  EXPECT_FALSE(NamesInFolder(folder_ + "/a").ok());
}

TEST(Path, Parts) {
  EXPECT_EQ(FolderOf("a/b.c"), "a");
  EXPECT_EQ(FolderOf("/a/b.c"), "/a");
  EXPECT_EQ(FolderOf("b.c"), ".");
  EXPECT_EQ(FolderOf("/b.c"), "/");
  EXPECT_EQ(NameOf("a/b.c"), "b.c");
  EXPECT_EQ(NameOf("b.c"), "b.c");
  EXPECT_EQ(NameOf("a/"), "");
}

TEST(Folder, MakesWhatIsMissing) {
  const std::string base = ::testing::TempDir() + "/folder_makes";
  std::filesystem::remove_all(base);
  EXPECT_TRUE(MakeFolders(base + "/a/b"));
  EXPECT_TRUE(MakeFolders(base + "/a/b"));
  EXPECT_EQ(KindOfPath(base + "/a/b"), PathKind::kFolder);
  std::ofstream(base + "/file") << "x";
  EXPECT_FALSE(MakeFolders(base + "/file"));
  EXPECT_FALSE(MakeFolders(base + "/file/below"));
  std::filesystem::remove_all(base);
}

}  // namespace
}  // namespace thimble
