// SPDX-License-Identifier: Apache-2.0
#include "sys/byte_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace thimble {
namespace {

using ::testing::HasSubstr;

class ByteSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) / (std::string("byte_source_") + test->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& content) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }

  std::filesystem::path folder_;
};

std::string TextOf(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// 3 MiB and a few bytes, no two neighbouring blocks alike: longer than one read and no whole number of pages.
std::string LongContent() {
  std::string content;
  for (int line = 0; content.size() < (3u << 20) + 5; ++line) content += std::to_string(line) + "\n";
  return content;
}

TEST_F(ByteSourceTest, MapsAFile) {
  const std::string content = LongContent();
  auto source = MapFile(Write("long", content));
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ(source.value()->size(), content.size());
  EXPECT_EQ(TextOf(source.value()->mapped()), content);
}

TEST_F(ByteSourceTest, ReleasedBytesReadTheSameAgain) {
  const std::string content = LongContent();
  auto source = MapFile(Write("long", content));
  ASSERT_TRUE(source.ok());
  const std::uint64_t size = content.size();
  source.value()->Release(0, size);
  source.value()->Release(5000, 100000);
  source.value()->Release(size - 1, 1);
  // Ranges that lie are clipped, not trusted.
  source.value()->Release(size, 10);
  source.value()->Release(UINT64_MAX, UINT64_MAX);
  source.value()->Release(1, UINT64_MAX);
  EXPECT_EQ(TextOf(source.value()->mapped()), content);
}

TEST_F(ByteSourceTest, MapsAnEmptyFile) {
  auto source = MapFile(Write("empty", ""));
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ(source.value()->size(), 0u);
  source.value()->Release(0, 1);
}

// A source over the file that maps nothing.
Result<std::shared_ptr<const ByteSource>> InPieces(const std::string& path) {
  return ReadDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

TEST_F(ByteSourceTest, ViewsAreTheSameMappedAndInPieces) {
  const std::string content = LongContent();
  const std::string path = Write("long", content);
  auto mapped = MapFile(path);
  auto pieces = InPieces(path);
  ASSERT_TRUE(mapped.ok() && pieces.ok());
  EXPECT_EQ(pieces.value()->size(), content.size());
  EXPECT_TRUE(pieces.value()->mapped().empty());
  EXPECT_EQ(pieces.value()->modified_ns(), mapped.value()->modified_ns());
  for (const auto& [offset, size] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 0}, {0, 1}, {5, 4096}, {4095, 2}, {1 << 20, 1 << 20}, {content.size(), 0}, {0, content.size()}}) {
    auto lent = mapped.value()->View(offset, size);
    auto read = pieces.value()->View(offset, size);
    ASSERT_TRUE(lent.ok() && read.ok()) << offset;
    EXPECT_TRUE(lent.value().is_borrowed());
    EXPECT_EQ(read.value().is_borrowed(), size == 0);
    EXPECT_EQ(TextOf(lent.value().span()), content.substr(offset, size));
    EXPECT_EQ(TextOf(read.value().span()), content.substr(offset, size));
  }
  // What was read stays where it is when it is moved, and can be kept.
  Bytes first = std::move(pieces.value()->View(0, 10)).value();
  const std::byte* const place = first.data();
  Bytes second = std::move(first);
  EXPECT_EQ(second.data(), place);
  EXPECT_EQ(std::move(second).TakeBuffer().data(), place);
}

TEST_F(ByteSourceTest, ViewsOutsideAreRefused) {
  const std::string path = Write("five", "12345");
  auto mapped = MapFile(path);
  auto pieces = InPieces(path);
  ASSERT_TRUE(mapped.ok() && pieces.ok());
  for (const ByteSource* source : {mapped.value().get(), pieces.value().get()}) {
    for (const auto& [offset, size] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
             {0, 6}, {6, 0}, {5, 1}, {UINT64_MAX, 2}, {2, UINT64_MAX}}) {
      const auto view = source->View(offset, size);
      ASSERT_FALSE(view.ok());
      EXPECT_EQ(view.error().code, Code::kInvalid);
    }
  }
}

TEST_F(ByteSourceTest, KnowsThatAFileChanged) {
  const std::string path = Write("model", "0123456789");
  for (const bool is_mapped : {true, false}) {
    Write("model", "0123456789");
    auto source = is_mapped ? MapFile(path) : InPieces(path);
    ASSERT_TRUE(source.ok());
    EXPECT_TRUE(source.value()->CheckUnchanged().ok());
    std::filesystem::resize_file(path, 4);
    Status status = source.value()->CheckUnchanged();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kCorrupt);
    EXPECT_THAT(status.error().message, HasSubstr("has changed since it was opened (10 bytes then, 4 now)"));
    if (!is_mapped) {
      const auto view = source.value()->View(2, 8);
      ASSERT_FALSE(view.ok());
      EXPECT_EQ(view.error().code, Code::kCorrupt);
      EXPECT_THAT(view.error().message, HasSubstr("[file] ends at 4, it had 10 bytes when it was opened"));
    }
    // As long as before, written at another time.
    Write("model", "9876543210");
    std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) + std::chrono::seconds(3));
    status = source.value()->CheckUnchanged();
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("has changed since it was opened: open it again"));
  }
}

TEST_F(ByteSourceTest, AFilePutInItsPlaceChangesNothing) {
  const std::string path = Write("model", "0123456789");
  auto source = MapFile(path);
  ASSERT_TRUE(source.ok());
  std::filesystem::rename(Write("other", "abc"), path);
  EXPECT_TRUE(source.value()->CheckUnchanged().ok());
  EXPECT_EQ(TextOf(source.value()->View(0, 10).value().span()), "0123456789");
}

TEST_F(ByteSourceTest, DescriptorsOfOtherThingsAreRefused) {
  const auto nothing = ReadDescriptor(-1);
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().code, Code::kSystem);
  const auto folder = InPieces(folder_.string());
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, Code::kInvalid);
}

TEST_F(ByteSourceTest, MemoryIsTakenOver) {
  std::vector<std::byte> bytes{std::byte{1}, std::byte{2}};
  const std::byte* const place = bytes.data();
  const auto source = MemorySource(std::move(bytes));
  EXPECT_EQ(source->size(), 2u);
  EXPECT_EQ(source->mapped().data(), place);
  source->Release(0, 2);
  EXPECT_EQ(source->mapped()[1], std::byte{2});
}

TEST_F(ByteSourceTest, ReadsAWholeFile) {
  const std::string content = LongContent();
  const std::string path = Write("long", content);
  auto bytes = ReadFile(path, content.size());
  ASSERT_TRUE(bytes.ok()) << bytes.error().message;
  EXPECT_EQ(TextOf(bytes.value()), content);
  auto empty = ReadFile(Write("empty", ""), 0);
  ASSERT_TRUE(empty.ok());
  EXPECT_TRUE(empty.value().empty());
}

TEST_F(ByteSourceTest, RefusesAFileAboveTheLimit) {
  auto bytes = ReadFile(Write("five", "12345"), 4);
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code, Code::kInvalid);
  EXPECT_THAT(bytes.error().message, HasSubstr("may hold 4 bytes"));
}

TEST_F(ByteSourceTest, RefusesADeviceWithoutEnd) {
  if (!std::filesystem::exists("/dev/zero")) GTEST_SKIP();
  auto bytes = ReadFile("/dev/zero", 3u << 20);
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code, Code::kInvalid);
  auto source = MapFile("/dev/zero");
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, Code::kInvalid);
}

TEST_F(ByteSourceTest, NamesTheMissingFile) {
  const std::string path = (folder_ / "absent.gguf").string();
  const auto source = MapFile(path);
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, Code::kNotFound);
  EXPECT_THAT(source.error().message, HasSubstr("absent.gguf: [file] cannot open it"));
  const auto bytes = ReadFile(path, 10);
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code, Code::kNotFound);
  EXPECT_THAT(bytes.error().message, HasSubstr("absent.gguf"));
  // A file where a folder should be is "not there" too.
  const auto below = MapFile(Write("file", "x") + "/below");
  ASSERT_FALSE(below.ok());
  EXPECT_EQ(below.error().code, Code::kNotFound);
}

TEST_F(ByteSourceTest, RefusesAFolder) {
  const auto source = MapFile(folder_.string());
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, Code::kInvalid);
  const auto bytes = ReadFile(folder_.string(), 10);
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace thimble
