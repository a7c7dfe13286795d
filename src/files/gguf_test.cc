// SPDX-License-Identifier: Apache-2.0
#include "files/gguf.h"

#include "gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace thimble {
namespace {

using ::testing::ElementsAre;
using testing::GgufWriter;
using ::testing::HasSubstr;

std::string TextOf(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// A file with every type of value and tensors of several kinds.
GgufWriter FullFile() {
  GgufWriter file;
  file.Key<std::uint8_t>("u8", 0, 200).Key<std::int8_t>("i8", 1, -5).Key<std::uint16_t>("u16", 2, 60000);
  file.Key<std::int16_t>("i16", 3, -30000).Key<std::uint32_t>("u32", 4, 4000000000u).Key<std::int32_t>("i32", 5, -7);
  file.Key<float>("f32", 6, 1.5f).Key<std::uint8_t>("yes", 7, 1).Key<std::uint8_t>("no", 7, 0);
  file.TextKey("text", "grün").Key<std::uint64_t>("u64", 10, 1ull << 40).Key<std::int64_t>("i64", 11, -(1ll << 40));
  file.Key<double>("f64", 12, 0.1).Key<std::uint64_t>("huge", 10, ~0ull).Key<float>("whole", 6, 3.0f);
  file.ArrayKey<std::int32_t>("ints", 5, {1, -2, 3}).ArrayKey<float>("floats", 6, {0.5f, 2.0f});
  file.ArrayKey<std::uint8_t>("bools", 7, {1, 0}).TextArrayKey("texts", {"a", "", "ccc"});
  file.ArrayKey<std::uint64_t>("mixed", 10, {7, ~0ull}).ArrayKey<std::int32_t>("none", 5, {});
  file.Tensor("a", {4, 2}, 0, std::string(32, 'a')).Tensor("b", {64}, 8, std::string(68, 'b'));
  file.Tensor("c", {3}, 1, std::string(6, 'c')).Tensor("empty", {0, 5}, 0, "");
  return file;
}

Error Refusal(const std::vector<std::byte>& bytes) {
  auto header = ParseGguf(bytes);
  return header.ok() ? Error{Code::kInvalid, "(parsed)"} : header.error();
}

// Every beginning of a file either holds the header or says that more is wanted, and how much is never too much.
TEST(Gguf, IsReadFromAnyPrefixThatHoldsTheHeader) {
  const std::vector<std::byte> bytes = FullFile().Bytes();
  const std::size_t header_bytes = FullFile().Header().size();
  ASSERT_TRUE(ParseGguf(bytes).ok());
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    std::uint64_t wanted = 1;
    const auto header = ParseGguf(std::span(bytes).first(size), bytes.size(), &wanted);
    EXPECT_EQ(header.ok(), size >= header_bytes) << size;
    if (header.ok()) {
      EXPECT_EQ(wanted, 0u);
      EXPECT_EQ(header.value().tensors.size(), 4u);
      EXPECT_EQ(header.value().tensors[1].offset, ParseGguf(bytes).value().tensors[1].offset);
    } else {
      EXPECT_GT(wanted, size);
      EXPECT_LE(wanted, header_bytes);
    }
  }
}

// A fault within the prefix is a fault, however short the prefix.
TEST(Gguf, AFaultInAPrefixIsNoWishForMore) {
  std::vector<std::byte> bytes = FullFile().Bytes();
  bytes[4] = std::byte{9};  // version
  std::uint64_t wanted = 1;
  const auto header = ParseGguf(std::span(bytes).first(24), bytes.size(), &wanted);
  ASSERT_FALSE(header.ok());
  EXPECT_EQ(wanted, 0u);
  EXPECT_EQ(header.error().message, ParseGguf(bytes).error().message);
  // Cut files say the same, in memory or read.
  const std::vector<std::byte> whole = FullFile().Bytes();
  const auto cut = std::span(whole).first(FullFile().Header().size() - 1);
  EXPECT_EQ(ParseGguf(cut.first(60), cut.size(), &wanted).ok(), false);
  EXPECT_GT(wanted, 60u);
  EXPECT_EQ(ParseGguf(cut, cut.size(), &wanted).ok(), false);
  EXPECT_EQ(wanted, 0u);
}

TEST(Gguf, ReadsEveryKindOfValue) {
  const std::vector<std::byte> bytes = FullFile().Bytes();
  const auto header = ParseGguf(bytes);
  ASSERT_TRUE(header.ok()) << header.error().message;
  const Metadata& keys = header.value().metadata;
  EXPECT_EQ(keys.Int("u8"), 200);
  EXPECT_EQ(keys.Int("i8"), -5);
  EXPECT_EQ(keys.Int("u16"), 60000);
  EXPECT_EQ(keys.Int("i16"), -30000);
  EXPECT_EQ(keys.Int("u32"), 4000000000);
  EXPECT_EQ(keys.Int("i32"), -7);
  EXPECT_EQ(keys.Int("u64"), std::int64_t{1} << 40);
  EXPECT_EQ(keys.Int("i64"), -(std::int64_t{1} << 40));
  EXPECT_EQ(keys.Float("f32"), 1.5);
  EXPECT_EQ(keys.Float("f64"), 0.1);
  EXPECT_EQ(keys.Bool("yes"), true);
  EXPECT_EQ(keys.Bool("no"), false);
  EXPECT_EQ(keys.String("text"), "grün");
  EXPECT_THAT(*keys.Ints("ints"), ElementsAre(1, -2, 3));
  EXPECT_THAT(*keys.Floats("floats"), ElementsAre(0.5, 2.0));
  EXPECT_THAT(*keys.Ints("bools"), ElementsAre(1, 0));
  EXPECT_THAT(*keys.Strings("texts"), ElementsAre("a", "", "ccc"));
  EXPECT_TRUE(keys.Ints("none")->empty());
  EXPECT_EQ(keys.values().size(), 21u);
}

TEST(Gguf, GettersConvertOnlyWhereNothingIsLost) {
  const std::vector<std::byte> bytes = FullFile().Bytes();
  const auto header = ParseGguf(bytes);
  ASSERT_TRUE(header.ok());
  const Metadata& keys = header.value().metadata;
  EXPECT_EQ(keys.Int("whole"), 3);
  EXPECT_EQ(keys.Int("yes"), 1);
  EXPECT_EQ(keys.Float("i32"), -7.0);
  EXPECT_EQ(keys.Int("f32"), std::nullopt);
  EXPECT_EQ(keys.Int("text"), std::nullopt);
  EXPECT_EQ(keys.Int("absent"), std::nullopt);
  EXPECT_EQ(keys.Float("text"), std::nullopt);
  EXPECT_EQ(keys.Float("absent"), std::nullopt);
  EXPECT_EQ(keys.Bool("u8"), std::nullopt);
  EXPECT_EQ(keys.String("u8"), std::nullopt);
  EXPECT_EQ(keys.Ints("floats"), nullptr);
  EXPECT_EQ(keys.Floats("ints"), nullptr);
  EXPECT_EQ(keys.Strings("text"), nullptr);
  // Beyond int64 a number is kept as a float.
  EXPECT_EQ(keys.Int("huge"), std::nullopt);
  EXPECT_EQ(keys.Float("huge"), 0x1p64);
  EXPECT_THAT(*keys.Floats("mixed"), ElementsAre(7.0, 0x1p64));
  EXPECT_EQ(keys.Ints("mixed"), nullptr);
}

TEST(Gguf, StringsPointIntoTheFile) {
  const std::vector<std::byte> bytes = FullFile().Bytes();
  const auto header = ParseGguf(bytes);
  ASSERT_TRUE(header.ok());
  const auto* first = reinterpret_cast<const char*>(bytes.data());
  const std::string_view text = header.value().metadata.Find("text")->text;
  EXPECT_GE(text.data(), first);
  EXPECT_LE(text.data() + text.size(), first + bytes.size());
}

TEST(Gguf, PlacesTensors) {
  const std::vector<std::byte> bytes = FullFile().Bytes();
  const auto header = ParseGguf(bytes);
  ASSERT_TRUE(header.ok());
  const auto& tensors = header.value().tensors;
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_THAT(tensors[0].shape, ElementsAre(2, 4));  // reversed: slowest first
  EXPECT_EQ(tensors[0].ShapeText(), "[2, 4]");
  EXPECT_EQ(tensors[0].num_elements(), 8);
  EXPECT_EQ(tensors[1].dtype, DType::kQ8_0);
  const auto content = [&](std::size_t index) {
    return TextOf(std::span(bytes).subspan(tensors[index].offset, tensors[index].size_bytes));
  };
  EXPECT_EQ(content(0), std::string(32, 'a'));
  EXPECT_EQ(content(1), std::string(68, 'b'));
  EXPECT_EQ(content(2), std::string(6, 'c'));
  EXPECT_EQ(tensors[3].size_bytes, 0u);
  EXPECT_EQ(tensors[3].num_elements(), 0);
}

TEST(Gguf, Version2AndOtherAlignments) {
  for (const std::uint32_t alignment : {1u, 8u, 64u, 4096u}) {
    GgufWriter file;
    file.version = 2;
    file.alignment = alignment;
    file.Key<std::uint32_t>("general.alignment", 4, alignment);
    file.Tensor("x", {2}, 0, "12345678").Tensor("y", {1}, 0, "abcd");
    const std::vector<std::byte> bytes = file.Bytes();
    const auto header = ParseGguf(bytes);
    ASSERT_TRUE(header.ok()) << header.error().message;
    const TensorEntry& y = header.value().tensors[1];
    EXPECT_EQ(TextOf(std::span(bytes).subspan(y.offset, y.size_bytes)), "abcd") << alignment;
  }
}

TEST(Gguf, AFileWithoutTensorsMayEndWithItsHeader) {
  GgufWriter file;
  file.Key<std::uint8_t>("k", 0, 1);
  EXPECT_TRUE(ParseGguf(file.Header()).ok());
}

TEST(GgufRefusal, WrongMagicAndVersions) {
  EXPECT_THAT(Refusal({}).message, HasSubstr("[gguf] 4 bytes wanted"));
  std::vector<std::byte> zip = FullFile().Bytes();
  zip[0] = std::byte{'P'};
  EXPECT_EQ(Refusal(zip).code, Code::kCorrupt);
  EXPECT_THAT(Refusal(zip).message, HasSubstr("must begin with 'GGUF', found 'PGUF'"));
  for (const std::uint32_t version : {0u, 1u, 4u}) {
    GgufWriter file = FullFile();
    file.version = version;
    EXPECT_EQ(Refusal(file.Bytes()).code, Code::kUnsupported);
    EXPECT_THAT(Refusal(file.Bytes()).message, HasSubstr("version must be 2 or 3, found "));
  }
  GgufWriter big_endian = FullFile();
  big_endian.version = 3u << 24;
  EXPECT_THAT(Refusal(big_endian.Bytes()).message, HasSubstr("big-endian"));
}

TEST(GgufRefusal, LyingCounts) {
  for (const std::int64_t extra : {std::int64_t{1}, std::int64_t{1} << 30, std::numeric_limits<std::int64_t>::max()}) {
    GgufWriter keys = FullFile();
    keys.extra_keys = extra;
    EXPECT_FALSE(ParseGguf(keys.Bytes()).ok());
    GgufWriter tensors = FullFile();
    tensors.extra_tensors = extra;
    EXPECT_FALSE(ParseGguf(tensors.Bytes()).ok());
  }
  testing::ByteWriter bytes;  // one key: an array that announces 2^60 elements
  bytes.Chars("GGUF").Add<std::uint32_t>(3).Add<std::uint64_t>(0).Add<std::uint64_t>(1);
  bytes.Text("k").Add<std::uint32_t>(9).Add<std::uint32_t>(0).Add<std::uint64_t>(1ull << 60).Chars("12345678");
  EXPECT_EQ(Refusal(bytes.bytes()).code, Code::kCorrupt);
  EXPECT_THAT(Refusal(bytes.bytes()).message, HasSubstr("elements of key 'k' announced"));
}

// In a large file counts can be covered by bytes and still ask for many times the file in memory.
TEST(GgufRefusal, CountsBeyondAnyModel) {
  std::vector<std::byte> bytes = GgufWriter().Header();
  bytes.resize(4u << 20);
  const auto with_counts = [&bytes](std::uint64_t num_tensors, std::uint64_t num_keys) {
    std::memcpy(bytes.data() + 8, &num_tensors, 8);
    std::memcpy(bytes.data() + 16, &num_keys, 8);
    return Refusal(bytes);
  };
  EXPECT_EQ(with_counts(70000, 0).code, Code::kUnsupported);
  EXPECT_THAT(with_counts(70000, 0).message, HasSubstr("at most 65536 tensors are read, found 70000"));
  EXPECT_THAT(with_counts(0, 70000).message, HasSubstr("at most 65536 keys are read, found 70000"));
  GgufWriter arrays;
  arrays.ArrayKey<std::uint8_t>("a", 0, std::vector<std::uint8_t>(10u << 20));
  EXPECT_TRUE(ParseGguf(arrays.Bytes()).ok());
  arrays.ArrayKey<std::uint8_t>("b", 0, std::vector<std::uint8_t>(10u << 20));
  EXPECT_THAT(Refusal(arrays.Bytes()).message, HasSubstr("elements of key 'b' are read"));
}

TEST(GgufRefusal, ValuesWeDoNotRead) {
  GgufWriter unknown;
  unknown.Key<std::uint32_t>("k", 13, 0);
  EXPECT_EQ(Refusal(unknown.Bytes()).code, Code::kUnsupported);
  EXPECT_THAT(Refusal(unknown.Bytes()).message, HasSubstr("key 'k' has the unknown value type 13"));
  GgufWriter unknown_elements;
  unknown_elements.ArrayKey<std::uint32_t>("k", 77, {0});
  EXPECT_EQ(Refusal(unknown_elements.Bytes()).code, Code::kUnsupported);
  GgufWriter nested;
  nested.ArrayKey<std::uint64_t>("k", 9, {0, 0});
  EXPECT_EQ(Refusal(nested.Bytes()).code, Code::kUnsupported);
  EXPECT_THAT(Refusal(nested.Bytes()).message, HasSubstr("array of arrays"));
  GgufWriter half_true;
  half_true.Key<std::uint8_t>("k", 7, 2);
  EXPECT_THAT(Refusal(half_true.Bytes()).message, HasSubstr("0 or 1, key 'k' has 2"));
}

TEST(GgufRefusal, RepeatedNames) {
  GgufWriter keys;
  keys.Key<std::uint8_t>("k", 0, 1).Key<std::uint8_t>("k", 0, 2);
  EXPECT_THAT(Refusal(keys.Bytes()).message, HasSubstr("key 'k' is listed twice"));
  GgufWriter tensors;
  tensors.Tensor("t", {1}, 0, "1234").Tensor("t", {1}, 0, "5678");
  EXPECT_THAT(Refusal(tensors.Bytes()).message, HasSubstr("tensor 't' is listed twice"));
}

TEST(GgufRefusal, ShapesThatCannotBe) {
  const auto refusal = [](const std::vector<std::uint64_t>& ne, std::uint32_t type) {
    GgufWriter file;
    file.TensorHeader("t", ne, type, 0);
    std::vector<std::byte> bytes = file.Bytes();
    bytes.resize(bytes.size() + 4096);
    return Refusal(bytes);
  };
  EXPECT_EQ(refusal({1, 1, 1, 1, 1}, 0).code, Code::kCorrupt);
  EXPECT_THAT(refusal({1, 1, 1, 1, 1}, 0).message, HasSubstr("may have 4 dimensions, found 5"));
  EXPECT_THAT(refusal({33}, 8).message, HasSubstr("of shape [33] cannot be stored as Q8_0 in blocks of 32"));
  EXPECT_EQ(refusal({1ull << 32, 1ull << 32}, 0).code, Code::kCorrupt);     // 2^64 elements
  EXPECT_EQ(refusal({1ull << 62}, 0).code, Code::kCorrupt);                 // 2^64 bytes
  EXPECT_EQ(refusal({~0ull}, 0).code, Code::kCorrupt);                      // negative as int64
  EXPECT_EQ(refusal({1ull << 40, 1ull << 40, 0}, 0).code, Code::kCorrupt);  // overflow beside a zero
  EXPECT_EQ(refusal({1024, 1}, 4).code, Code::kUnsupported);
  EXPECT_THAT(refusal({1024, 1}, 4).message, HasSubstr("tensor 't' has the unknown type 4"));
  EXPECT_EQ(refusal({1024, 1}, 4096).code, Code::kUnsupported);
}

TEST(GgufRefusal, PlacesThatCannotBe) {
  const auto refusal = [](std::uint64_t offset) {
    GgufWriter file;
    file.Tensor("x", {16}, 0, std::string(64, 'x')).TensorHeader("t", {8}, 0, offset);
    return Refusal(file.Bytes());
  };
  EXPECT_THAT(refusal(16).message, HasSubstr("must begin at a multiple of 32, found 16"));
  EXPECT_EQ(refusal(64).code, Code::kCorrupt);
  EXPECT_THAT(refusal(64).message, HasSubstr("truncated download?"));
  EXPECT_EQ(refusal(~0ull - 31).code, Code::kCorrupt);
  EXPECT_EQ(refusal(1ull << 63).code, Code::kCorrupt);
  EXPECT_THAT(refusal(32).message, HasSubstr("overlap"));
  EXPECT_THAT(refusal(0).message, HasSubstr("tensors 'x' and 't' overlap"));
}

TEST(GgufRefusal, Alignments) {
  for (const std::int64_t alignment : {std::int64_t{0}, std::int64_t{-32}, std::int64_t{24}}) {
    GgufWriter file;
    file.Key<std::int64_t>("general.alignment", 11, alignment);
    EXPECT_THAT(Refusal(file.Bytes()).message, HasSubstr("power of two"));
  }
  GgufWriter text;
  text.TextKey("general.alignment", "32");
  EXPECT_THAT(Refusal(text.Bytes()).message, HasSubstr("must be an integer"));
  GgufWriter giant;
  giant.Key<std::int64_t>("general.alignment", 11, std::int64_t{1} << 62).Tensor("t", {1}, 0, "1234");
  EXPECT_EQ(Refusal(giant.Bytes()).code, Code::kCorrupt);
}

TEST(GgufRefusal, NamesInMessagesAreTamed) {
  GgufWriter file;
  file.TensorHeader("\x1b[31m" + std::string(5000, 'n'), {1024, 1}, 4, 0);
  const Error error = Refusal(file.Bytes());
  EXPECT_THAT(error.message, HasSubstr("\\x1b[31mnnn"));
  EXPECT_LT(error.message.size(), 400u);
}

TEST(GgufCorruption, CutAnywhere) {
  const GgufWriter file = FullFile();
  const std::vector<std::byte> bytes = file.Bytes();
  // The last byte of data is needed too; behind it there is nothing.
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto header = ParseGguf(std::span(bytes).first(size));
    ASSERT_FALSE(header.ok()) << "cut to " << size << " bytes";
    EXPECT_EQ(header.error().code, Code::kCorrupt);
  }
  EXPECT_TRUE(ParseGguf(bytes).ok());
}

// Every byte of the header replaced by several others: an error, or a header whose tensors lie inside the file.
TEST(GgufCorruption, AnyByteChanged) {
  const std::vector<std::byte> original = FullFile().Bytes();
  std::size_t num_refused = 0;
  for (std::size_t place = 0; place < original.size(); ++place) {
    for (const unsigned change : {0x01u, 0x08u, 0x40u, 0x80u, 0xFFu}) {
      std::vector<std::byte> bytes = original;
      bytes[place] ^= static_cast<std::byte>(change);
      const auto header = ParseGguf(bytes);
      if (!header.ok()) {
        ++num_refused;
        EXPECT_FALSE(header.error().message.empty());
        continue;
      }
      for (const TensorEntry& tensor : header.value().tensors) {
        ASSERT_LE(tensor.offset, bytes.size());
        ASSERT_LE(tensor.size_bytes, bytes.size() - tensor.offset);
      }
    }
  }
  EXPECT_GT(num_refused, original.size());
}

}  // namespace
}  // namespace thimble
