// SPDX-License-Identifier: Apache-2.0
#include "files/pack_file.h"

#include "base/checksum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace thimble {
namespace {

using ::testing::HasSubstr;

const std::string kIdentity = std::string(32, '5') + std::string(32, 'a');

PackedEntry Matrix(const std::string& name, std::int64_t rows, std::int64_t cols, std::uint32_t dtype,
                   std::uint32_t family) {
  PackedEntry entry;
  entry.name = name;
  entry.rows = rows;
  entry.cols = cols;
  entry.dtype = dtype;
  entry.family = family;
  return entry;
}

std::vector<std::byte> Filled(std::size_t size, int seed) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + static_cast<std::size_t>(seed));
  return bytes;
}

Status WriteTwo(const PackHeader& header, const PackWriter::Sink& sink) {
  PackWriter writer(header, sink, nullptr);
  THIMBLE_RETURN_IF_ERROR(writer.Add(Matrix("blk.0.ffn_up.weight", 16, 32, 12, 1), Filled(5000, 1)));
  THIMBLE_RETURN_IF_ERROR(writer.Add(Matrix("", 1, 2, 14, 3), Filled(300, 2)));
  return writer.Finish();
}

std::vector<std::byte> TwoMatrices() {
  std::vector<std::byte> file;
  const Status status = WriteTwo({7, kIdentity, false}, [&file](std::span<const std::byte> bytes) -> Status {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return Done{};
  });
  EXPECT_TRUE(status.ok());
  return file;
}

Result<PackTable> Parse(std::span<const std::byte> file) {
  return ParsePackFile(*MemorySource({file.begin(), file.end()}));
}

template <typename T>
void Overwrite(std::vector<std::byte>* file, std::size_t at, T value) {
  std::memcpy(file->data() + at, &value, sizeof value);
}

constexpr std::size_t kHeaderBytes = 128;

std::size_t TableAt(const std::vector<std::byte>& file) {
  std::uint64_t at = 0;
  std::memcpy(&at, file.data() + file.size() - 32, sizeof at);
  return static_cast<std::size_t>(at);
}

// A file that is wrong but carries the right checksum.
void Sign(std::vector<std::byte>* file) {
  const std::span<const std::byte> bytes = *file;
  const std::size_t trailer = file->size() - 32;
  const std::uint64_t sum = Checksum(bytes.first(kHeaderBytes));
  const std::size_t table = TableAt(*file);
  if (table > trailer) return;
  Overwrite(file, file->size() - 8,
            Checksum(bytes.subspan(trailer, 24), Checksum(bytes.subspan(table, trailer - table), sum)));
}

TEST(PackFile, ReadsWhatItWrote) {
  const std::vector<std::byte> file = TwoMatrices();
  const auto read = Parse(file);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read.value().header.panel_revision, 7u);
  EXPECT_EQ(read.value().header.identity, kIdentity);
  EXPECT_FALSE(read.value().header.is_whole);
  ASSERT_EQ(read.value().entries.size(), 2u);
  const PackedEntry& first = read.value().entries[0];
  EXPECT_EQ(first.name, "blk.0.ffn_up.weight");
  EXPECT_EQ(first.offset, kPackAlignment);
  EXPECT_EQ(first.size_bytes, 5000u);
  EXPECT_EQ(first.checksum, PackChecksum(Filled(5000, 1), nullptr));
  EXPECT_EQ(first.rows, 16);
  EXPECT_EQ(first.cols, 32);
  EXPECT_EQ(first.dtype, 12u);
  EXPECT_EQ(first.family, 1u);
  const PackedEntry& second = read.value().entries[1];
  EXPECT_EQ(second.name, "");
  EXPECT_EQ(second.offset, 3 * kPackAlignment);
  EXPECT_EQ(second.size_bytes, 300u);
  for (const auto& [entry, seed] : {std::pair(first, 1), std::pair(second, 2)}) {
    const auto bytes =
        std::span(file).subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.size_bytes));
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), Filled(bytes.size(), seed).begin()));
  }
  EXPECT_EQ(PackFileBytes(read.value().entries), file.size());
}

TEST(PackFile, MayBeEmpty) {
  std::vector<std::byte> file;
  PackWriter writer(
      {1, kIdentity, true},
      [&file](std::span<const std::byte> bytes) -> Status {
        file.insert(file.end(), bytes.begin(), bytes.end());
        return Done{};
      },
      nullptr);
  ASSERT_TRUE(writer.Finish().ok());
  const auto read = Parse(file);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(read.value().header.is_whole);
  EXPECT_EQ(PackFileBytes({}), file.size());
}

TEST(PackFile, RefusesEveryTruncationAndEveryFlippedBitOfTheTable) {
  std::vector<std::byte> file = TwoMatrices();
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(Parse(std::span(file).first(size)).ok()) << size;
  }
  const std::size_t table = TableAt(file);
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    if (bit / 8 >= kHeaderBytes && bit / 8 < table) continue;
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(Parse(file).ok()) << "byte " << bit / 8;
    file[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  file.push_back(std::byte{0});
  EXPECT_FALSE(Parse(file).ok());
}

TEST(PackFile, RefusesAnotherVersion) {
  std::vector<std::byte> file = TwoMatrices();
  Overwrite(&file, 8, kPackFileVersion + 1);
  Sign(&file);
  const auto read = Parse(file);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kUnsupported);
}

TEST(PackFile, TrustsNoNumberForItsChecksum) {
  const std::vector<std::byte> good = TwoMatrices();
  const std::size_t table = TableAt(good);
  struct Case {
    const char* what;
    std::size_t at;
    std::uint64_t value;
    const char* message;
  };
  for (const Case& c :
       {Case{"offset beyond the end", table, 1u << 20, "bytes of an entry"},
        Case{"offset that overflows", table, UINT64_MAX - 4095, "bytes of an entry"},
        Case{"offset not aligned", table, 4160, "bytes of an entry"},
        Case{"size beyond the end", table + 8, good.size(), "bytes of an entry"},
        Case{"size that overflows", table + 8, UINT64_MAX, "bytes of an entry"},
        Case{"no rows", table + 24, 0, "a matrix of 0"}, Case{"negative columns", table + 32, UINT64_MAX, "x -1"}}) {
    std::vector<std::byte> file = good;
    Overwrite(&file, c.at, c.value);
    Sign(&file);
    const auto read = Parse(file);
    ASSERT_FALSE(read.ok()) << c.what;
    EXPECT_EQ(read.error().code, Code::kCorrupt) << c.what;
    EXPECT_THAT(read.error().message, HasSubstr(c.message)) << c.what;
  }
  const std::size_t trailer = good.size() - 32;
  for (const auto& [at, value] : {std::pair<std::size_t, std::uint32_t>{trailer + 16, UINT32_MAX},
                                  {trailer + 16, 3},
                                  {trailer + 16, 1},
                                  {trailer + 20, 4},
                                  {trailer, 64},
                                  {table + 40, 4},        // kind
                                  {table + 52, 4000}}) {  // bytes of the name
    std::vector<std::byte> file = good;
    Overwrite(&file, at, value);
    Sign(&file);
    EXPECT_FALSE(Parse(file).ok()) << value << " at " << at;
  }
}

TEST(PackFile, TheFirstRefusalEndsTheWriting) {
  const std::uint64_t size = TwoMatrices().size();
  // A disk of every size but enough.
  for (std::uint64_t room = 0; room <= size; room += room < size - 100 ? 509 : 1) {
    std::uint64_t taken = 0;
    const Status status = WriteTwo({7, kIdentity, false}, [&](std::span<const std::byte> bytes) -> Status {
      EXPECT_LE(taken, room) << "went on after a refusal";
      taken += bytes.size();
      if (taken > room) return Error{Code::kExhausted, "full"};
      return Done{};
    });
    EXPECT_EQ(status.ok(), room == size);
    if (room == size) {
      EXPECT_EQ(taken, size);
    }
  }
}

}  // namespace
}  // namespace thimble
