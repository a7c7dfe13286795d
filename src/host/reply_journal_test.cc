// SPDX-License-Identifier: Apache-2.0
#include "host/reply_journal.h"

#include "base/text.h"
#include "folder_test.h"
#include "text_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMost = 1'000;

std::string Whole() {
  std::string bytes = JournalBegin();
  bytes += JournalRecord(true, "hm", bytes.size());
  bytes += JournalRecord(false, "one ", bytes.size());
  return bytes + JournalRecord(false, "two", bytes.size());
}

TEST(ReplyJournal, WhatWasWrittenIsRead) {
  const JournalText text = ReadJournal(Whole(), kMost);
  EXPECT_EQ(text.reasoning, "hm");
  EXPECT_EQ(text.text, "one two");
  EXPECT_EQ(text.num_bytes, Whole().size());
  EXPECT_EQ(JournalRecord(false, "", 8), "");
}

TEST(ReplyJournal, ATornEndIsLeftOut) {
  const std::string whole = Whole();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const JournalText text = ReadJournal(std::string_view(whole).substr(0, size), kMost);
    EXPECT_LE(text.num_bytes, size);
    EXPECT_TRUE(std::string("one two").starts_with(text.text)) << size;
  }
  EXPECT_EQ(ReadJournal(std::string_view(whole).substr(0, whole.size() - 1), kMost).text, "one ");
}

TEST(ReplyJournal, ADamagedRecordEndsIt) {
  for (std::size_t i = JournalBegin().size(); i < Whole().size(); ++i) {
    std::string bytes = Whole();
    bytes[i] = static_cast<char>(bytes[i] ^ 1);
    EXPECT_LT(ReadJournal(bytes, kMost).num_bytes, bytes.size()) << i;
  }
  // A record that stands elsewhere than where it was written is none.
  const std::string record = JournalRecord(false, "one ", JournalBegin().size());
  EXPECT_EQ(ReadJournal(JournalBegin() + record + record, kMost).text, "one ");
}

TEST(ReplyJournal, TextsHaveAnEnd) {
  const std::string bytes = JournalBegin() + JournalRecord(false, "aé", JournalBegin().size());
  EXPECT_EQ(ReadJournal(bytes, 3).text, "aé");
  EXPECT_EQ(ReadJournal(bytes, 2).text, "a");  // whole characters
}

class JournalFiles : public testing::FolderTest {
 protected:
  [[nodiscard]] std::string Path() const { return folder_ + "/journal"; }
};

TEST_F(JournalFiles, OneWritesOthersLookOn) {
  auto file = JournalFile::Create(Path(), kMost);
  ASSERT_TRUE(file.ok());
  file.value()->Append("hm", "one");
  ASSERT_TRUE(file.value()->Sync().ok());
  EXPECT_EQ(JournalFile::Peek(Path(), kMost).text, "one");
  EXPECT_EQ(JournalFile::Create(Path(), kMost).error().code, Code::kInvalid);
  bool is_held = false;
  EXPECT_EQ(JournalFile::TakeOver(Path(), kMost, &is_held).value(), nullptr);
  EXPECT_TRUE(is_held);
  file.value().reset();
  // Whoever takes it over drops what is torn, and goes on.
  std::ofstream(Path(), std::ios::app | std::ios::binary) << "torn";
  auto next = JournalFile::TakeOver(Path(), kMost, &is_held);
  ASSERT_TRUE(next.ok() && next.value() != nullptr);
  EXPECT_FALSE(is_held);
  EXPECT_EQ(next.value()->text().text, "one");
  next.value()->Append("", " two");
  EXPECT_EQ(JournalFile::Peek(Path(), kMost).text, "one two");
  EXPECT_EQ(JournalFile::Peek(Path(), kMost).reasoning, "hm");
  next.value()->Remove();
  EXPECT_FALSE(fs::exists(Path()));
  EXPECT_EQ(JournalFile::TakeOver(Path(), kMost, &is_held).value(), nullptr);
  EXPECT_FALSE(is_held);
}

TEST_F(JournalFiles, WhatIsTooLongIsCutOnce) {
  auto file = JournalFile::Create(Path(), 4);
  ASSERT_TRUE(file.ok());
  file.value()->Append("", "abc");
  file.value()->Append("", "éf");
  EXPECT_EQ(file.value()->text().text, "abc");
  EXPECT_EQ(JournalFile::Peek(Path(), 4).text, "abc");
}

TEST_F(JournalFiles, AFullDiskIsToldAndNothingIsLost) {
  if (!fs::exists("/dev/full")) GTEST_SKIP();
  fs::create_symlink("/dev/full", Path());
  EXPECT_FALSE(JournalFile::Create(Path(), kMost).ok());  // no link is followed
}

}  // namespace
}  // namespace thimble::host
