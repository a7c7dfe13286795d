// SPDX-License-Identifier: Apache-2.0
#include "files/pack_file.h"

#include "base/checksum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace thimble {
namespace {

using ::testing::HasSubstr;

PackTable TwoMatrices() {
  PackTable table;
  table.panel_revision = 7;
  table.identity = 0x1234567890ABCDEF;
  table.entries.push_back({"blk.0.ffn_up.weight", 0, 5000, 11, 16, 32, 12, 1});
  table.entries.push_back({"", 0, 300, 12, 1, 2, 14, 3});
  LayOutPackFile(&table);
  return table;
}

std::vector<std::byte> FileOf(PackTable table) {
  const std::uint64_t size = LayOutPackFile(&table);
  std::vector<std::byte> file = EncodePackTable(table);
  file.resize(static_cast<std::size_t>(size));
  return file;
}

template <typename T>
void Overwrite(std::vector<std::byte>* file, std::size_t at, T value) {
  std::memcpy(file->data() + at, &value, sizeof value);
}

// A table that is wrong but carries the right checksum.
void Sign(std::vector<std::byte>* file) {
  std::uint32_t table_bytes = 0;
  std::memcpy(&table_bytes, file->data() + 36, 4);
  const std::span<const std::byte> bytes = *file;
  Overwrite(file, 40, Checksum(bytes.subspan(48, table_bytes), Checksum(bytes.first(40))));
}

TEST(PackFile, ReadsWhatItWrote) {
  const PackTable table = TwoMatrices();
  EXPECT_EQ(table.entries[0].offset, kPackAlignment);
  EXPECT_EQ(table.entries[1].offset, 3 * kPackAlignment);
  const std::vector<std::byte> file = FileOf(table);
  EXPECT_EQ(file.size(), 3 * kPackAlignment + 300);
  const auto read = ParsePackFile(file);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read.value().panel_revision, 7u);
  EXPECT_EQ(read.value().identity, 0x1234567890ABCDEFu);
  ASSERT_EQ(read.value().entries.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const PackedEntry& was = table.entries[i];
    const PackedEntry& is = read.value().entries[i];
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.offset, was.offset);
    EXPECT_EQ(is.size_bytes, was.size_bytes);
    EXPECT_EQ(is.checksum, was.checksum);
    EXPECT_EQ(is.rows, was.rows);
    EXPECT_EQ(is.cols, was.cols);
    EXPECT_EQ(is.dtype, was.dtype);
    EXPECT_EQ(is.family, was.family);
  }
  EXPECT_TRUE(ParsePackFile(FileOf(PackTable{})).ok());
}

TEST(PackFile, RefusesEveryTruncationAndEveryFlippedBitOfTheTable) {
  std::vector<std::byte> file = FileOf(TwoMatrices());
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(ParsePackFile(std::span(file).first(size)).ok()) << size;
  }
  const std::size_t table_end = 48 + 2 * 52 + std::strlen("blk.0.ffn_up.weight");
  for (std::size_t bit = 0; bit < table_end * 8; ++bit) {
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(ParsePackFile(file).ok()) << "byte " << bit / 8;
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  file.push_back(std::byte{0});
  EXPECT_FALSE(ParsePackFile(file).ok());
}

TEST(PackFile, RefusesAnotherVersion) {
  std::vector<std::byte> file = FileOf(TwoMatrices());
  Overwrite(&file, 8, kPackFileVersion + 1);
  Sign(&file);
  const auto read = ParsePackFile(file);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kUnsupported);
}

TEST(PackFile, TrustsNoNumberForItsChecksum) {
  const std::vector<std::byte> good = FileOf(TwoMatrices());
  struct Case {
    const char* what;
    std::size_t at;
    std::uint64_t value;
    const char* message;
  };
  for (const Case& c : {Case{"offset beyond the end", 48, 1u << 20, "bytes of a matrix"},
                        Case{"offset that overflows", 48, UINT64_MAX - 4095, "bytes of a matrix"},
                        Case{"offset not aligned", 48, 4100, "bytes of a matrix"},
                        Case{"size beyond the end", 56, good.size(), "bytes of a matrix"},
                        Case{"size that overflows", 56, UINT64_MAX, "bytes of a matrix"},
                        Case{"no rows", 72, 0, "a matrix of 0"}, Case{"negative columns", 80, UINT64_MAX, "x -1"}}) {
    std::vector<std::byte> file = good;
    Overwrite(&file, c.at, c.value);
    Sign(&file);
    const auto read = ParsePackFile(file);
    ASSERT_FALSE(read.ok()) << c.what;
    EXPECT_EQ(read.error().code, Code::kCorrupt) << c.what;
    EXPECT_THAT(read.error().message, HasSubstr(c.message)) << c.what;
  }
  for (const auto& [at, value] :
       {std::pair<std::size_t, std::uint32_t>{32, UINT32_MAX}, {32, 3}, {32, 1}, {96, 4000}}) {
    std::vector<std::byte> file = good;
    Overwrite(&file, at, value);
    Sign(&file);
    EXPECT_FALSE(ParsePackFile(file).ok()) << value << " at " << at;
  }
}

}  // namespace
}  // namespace thimble
