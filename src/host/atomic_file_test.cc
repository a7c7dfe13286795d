// SPDX-License-Identifier: Apache-2.0
#include "host/atomic_file.h"

#include "folder_test.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::FolderTest {
 protected:
  [[nodiscard]] std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  [[nodiscard]] std::size_t NumFiles() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
};

TEST_F(AtomicFile, IsWrittenAndReplaced) {
  const std::string path = Path("notes.json");
  ASSERT_TRUE(WriteFileAtomically(path, "first, and longer").ok());
  EXPECT_EQ(Read(path), "first, and longer");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  ASSERT_TRUE(WriteFileAtomically(path, "second").ok());
  EXPECT_EQ(Read(path), "second");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(NumFiles(), 1u);
}

TEST_F(AtomicFile, ALinkStaysALink) {
  ASSERT_TRUE(WriteFileAtomically(Path("target"), "old").ok());
  fs::create_symlink("target", Path("link"));
  ASSERT_TRUE(WriteFileAtomically(Path("link"), "new").ok());
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(Read(Path("target")), "new");
}

TEST_F(AtomicFile, NothingIsLeftBehindWhereItCannotBeWritten) {
  fs::create_directory(Path("folder"));
  const Status folder = WriteFileAtomically(Path("folder"), "x");
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, Code::kInvalid);
  EXPECT_NE(folder.error().message.find("is a folder"), std::string::npos);
  const Status nowhere = WriteFileAtomically(Path("missing/file"), "x");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code, Code::kSystem);
  EXPECT_EQ(NumFiles(), 1u);
}

TEST(SystemErrors, AFullDiskIsExhausted) {
  EXPECT_EQ(SystemError("file", "cannot write", "x", ENOSPC).code, Code::kExhausted);
  EXPECT_EQ(SystemError("file", "cannot write", "x", EACCES).code, Code::kSystem);
}

}  // namespace
}  // namespace thimble::host
