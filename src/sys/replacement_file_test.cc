// SPDX-License-Identifier: Apache-2.0
#include "sys/replacement_file.h"

#include "sys/byte_source.h"
#include "sys/folder.h"

#include "folder_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace thimble {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReplacementFileTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    path_ = folder_ + "/file";
  }
  [[nodiscard]] std::string Content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::vector<std::string> Names() const { return NamesInFolder(folder_).value(); }
  static std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

  std::string path_;
};

TEST_F(ReplacementFileTest, AppearsWhenItIsWhole) {
  std::ofstream(path_) << "before";
  {
    auto file = ReplacementFile::Begin(path_, 10);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_TRUE(file.value()->Append(Bytes("after")).ok());
    EXPECT_EQ(Content(), "before");
    EXPECT_TRUE(file.value()->Append(Bytes("wards")).ok());
    EXPECT_TRUE(file.value()->Commit().ok());
    EXPECT_EQ(Content(), "afterwards");
  }
  EXPECT_EQ(Content(), "afterwards");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(ReplacementFileTest, WithoutCommitNothingHappened) {
  std::ofstream(path_) << "before";
  {
    auto file = ReplacementFile::Begin(path_, 5);
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file.value()->Append(Bytes("after")).ok());
  }
  EXPECT_EQ(Content(), "before");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(ReplacementFileTest, OneWritesAtATime) {
  auto first = ReplacementFile::Begin(path_, 5);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(first.value()->Append(Bytes("first")).ok());
  const auto second = ReplacementFile::Begin(path_, 6);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kSystem);
  EXPECT_THAT(second.error().message, HasSubstr("somebody else"));
  EXPECT_TRUE(first.value()->Commit().ok());
  // In place: the next one may begin, even while the first still holds its file.
  auto third = ReplacementFile::Begin(path_, 5);
  ASSERT_TRUE(third.ok()) << third.error().message;
  first.value().reset();
  ASSERT_TRUE(third.value()->Append(Bytes("third")).ok());
  EXPECT_TRUE(third.value()->Commit().ok());
  EXPECT_EQ(Content(), "third");
}

TEST_F(ReplacementFileTest, TakesOverWhatADeadWriterLeft) {
  std::ofstream(path_ + ".part") << "half a file that is longer than the new one";
  auto file = ReplacementFile::Begin(path_, 3);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_TRUE(file.value()->Append(Bytes("new")).ok());
  ASSERT_TRUE(file.value()->Commit().ok());
  EXPECT_EQ(Content(), "new");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(ReplacementFileTest, DoesNotWriteThroughLinks) {
  const std::string victim = folder_ + "/victim";
  std::ofstream(victim) << "untouched";
  fs::create_symlink(victim, path_ + ".part");
  EXPECT_FALSE(ReplacementFile::Begin(path_, 3).ok());
  fs::remove(path_ + ".part");
  fs::create_hard_link(victim, path_ + ".part");
  EXPECT_FALSE(ReplacementFile::Begin(path_, 3).ok());
  EXPECT_EQ(fs::file_size(victim), 9u);
}

TEST_F(ReplacementFileTest, RefusesWhatTheDiskHasNoRoomFor) {
  const auto file = ReplacementFile::Begin(path_, std::uint64_t{1} << 60);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kExhausted);
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(ReplacementFileTest, NamesAMissingFolder) {
  const auto file = ReplacementFile::Begin(folder_ + "/absent/file", 3);
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, Code::kNotFound);
}

// As a disk that fills up while we write: the system takes part of it and then refuses.
TEST_F(ReplacementFileTest, AFailureInTheMiddleLeavesNothing) {
  std::ofstream(path_) << "before";
  struct rlimit old = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  auto* const old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const std::string text(100'000, 'x');
  {
    auto file = ReplacementFile::Begin(path_, text.size());
    ASSERT_TRUE(file.ok());
    struct rlimit small = old;
    small.rlim_cur = 60'000;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const Status status = file.value()->Append(Bytes(text));
    const auto again = ReplacementFile::Begin(folder_ + "/other", text.size());
    setrlimit(RLIMIT_FSIZE, &old);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kExhausted);
    // Beginning under such a limit is refused: the first byte beyond it would end the program.
    ASSERT_FALSE(again.ok());
    EXPECT_EQ(again.error().code, Code::kExhausted);
  }
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(Content(), "before");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

}  // namespace
}  // namespace thimble
