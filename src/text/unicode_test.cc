// SPDX-License-Identifier: Apache-2.0
#include "text/unicode.h"

#include "base/rng.h"
#include "base/text.h"
#include "files/json.h"
#include "text_files.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace thimble {
namespace {

std::string Utf8(std::u32string_view code_points) {
  std::string text;
  for (const char32_t c : code_points) AppendUtf8(&text, c);
  return text;
}

std::string Nfc(std::u32string_view code_points) {
  std::string storage;
  return std::string(NormalizeNfc(Utf8(code_points), &storage));
}

TEST(ClassOf, KnowsEveryClass) {
  EXPECT_EQ(ClassOf('a'), CharClass::kLetter);
  EXPECT_EQ(ClassOf(0x4E00), CharClass::kLetter);
  EXPECT_EQ(ClassOf(0x0301), CharClass::kMark);
  EXPECT_EQ(ClassOf(0x0903), CharClass::kMark);  // a spacing mark
  EXPECT_EQ(ClassOf('7'), CharClass::kNumber);
  EXPECT_EQ(ClassOf(0x2167), CharClass::kNumber);  // a letter-like number
  EXPECT_EQ(ClassOf(' '), CharClass::kSpace);
  EXPECT_EQ(ClassOf('_'), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x1F600), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x0378), CharClass::kOther);  // unassigned
}

TEST(ClassOf, HasTheSizesOfUnicode16) {
  std::array<int, 5> counts{};
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    ++counts[static_cast<std::size_t>(ClassOf(c))];
  }
  // Sums of the general categories in DerivedGeneralCategory.txt.
  EXPECT_EQ(counts[1], 141028);
  EXPECT_EQ(counts[2], 2501);
  EXPECT_EQ(counts[3], 1911);
  EXPECT_EQ(counts[4], 25);
}

TEST(ClassOf, SpaceIsTheRegexEnginesBackslashS) {
  for (const char32_t c :
       {0x9, 0xA, 0xB, 0xC, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}) {
    EXPECT_EQ(ClassOf(c), CharClass::kSpace) << static_cast<unsigned>(c);
  }
  // Python's isspace() has the separators of C0, others have the zero-width space; this engine has neither.
  for (const char32_t c : {0x1C, 0x1F, 0x180E, 0x200B, 0xFEFF}) {
    EXPECT_EQ(ClassOf(c), CharClass::kOther) << static_cast<unsigned>(c);
  }
}

TEST(ClassOf, EdgesOfTheTables) {
  EXPECT_EQ(ClassOf(0x323AF), CharClass::kLetter);  // the last ideograph
  EXPECT_EQ(ClassOf(0x323B0), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x3347F), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x33480), CharClass::kOther);
  EXPECT_EQ(ClassOf(0xE00FF), CharClass::kOther);
  EXPECT_EQ(ClassOf(0xE0100), CharClass::kMark);
  EXPECT_EQ(ClassOf(0xE01EF), CharClass::kMark);
  EXPECT_EQ(ClassOf(0xE01F0), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x10FFFF), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x110000), CharClass::kOther);
  EXPECT_EQ(ClassOf(0xFFFFFFFF), CharClass::kOther);
}

TEST(CombiningClass, KnowsRangesAndTheirEdges) {
  EXPECT_EQ(CombiningClass('a'), 0);
  EXPECT_EQ(CombiningClass(0x0300), 230);
  EXPECT_EQ(CombiningClass(0x0316), 220);
  EXPECT_EQ(CombiningClass(0x0345), 240);
  EXPECT_EQ(CombiningClass(0x034F), 0);
  EXPECT_EQ(CombiningClass(0x05B0), 10);
  EXPECT_EQ(CombiningClass(0x3099), 8);
  EXPECT_EQ(CombiningClass(0x1E94A), 7);
  EXPECT_EQ(CombiningClass(0x10FFFF), 0);
}

TEST(NormalizeNfc, ReturnsNormalTextAsItIs) {
  std::string storage = "untouched";
  for (const std::u32string_view text : {U"", U"plain", U"caf\u00E9", U"\u4F60\u597D", U"\uAC01", U"\U0001F600"}) {
    const std::string utf8 = Utf8(text);
    const std::string_view normal = NormalizeNfc(utf8, &storage);
    EXPECT_EQ(normal.data(), utf8.data());
    EXPECT_EQ(normal.size(), utf8.size());
  }
  EXPECT_EQ(storage, "untouched");
}

TEST(NormalizeNfc, ComposesAndOrders) {
  EXPECT_EQ(Nfc(U"e\u0301"), Utf8(U"\u00E9"));
  EXPECT_EQ(Nfc(U"one e\u0301 two"), Utf8(U"one \u00E9 two"));
  EXPECT_EQ(Nfc(U"A\u030A\u0301"), Utf8(U"\u01FA"));         // two steps
  EXPECT_EQ(Nfc(U"\u1E0B\u0323"), Utf8(U"\u1E0D\u0307"));    // the mark below comes first
  EXPECT_EQ(Nfc(U"q\u0307\u0323"), Utf8(U"q\u0323\u0307"));  // ordered although nothing composes
  EXPECT_EQ(Nfc(U"a\u0305\u0301"), Utf8(U"a\u0305\u0301"));  // blocked by a mark of the same class
  EXPECT_EQ(Nfc(U"\u09C7\u09BE"), Utf8(U"\u09CB"));          // two starters
  EXPECT_EQ(Nfc(U"\u09C7\u0334\u09BE"), Utf8(U"\u09C7\u0334\u09BE"));
  EXPECT_EQ(Nfc(U"\u212B\u2126"), Utf8(U"\u00C5\u03A9"));  // singletons
  EXPECT_EQ(Nfc(U"\u0958"), Utf8(U"\u0915\u093C"));        // excluded from composition
  EXPECT_EQ(Nfc(U"\u0344"), Utf8(U"\u0308\u0301"));        // a mark that becomes two
  EXPECT_EQ(Nfc(U"\U0002F800"), Utf8(U"\u4E3D"));          // a compatibility ideograph
  EXPECT_EQ(Nfc(U"\u0301e"), Utf8(U"\u0301e"));            // nothing to join at the beginning
}

TEST(NormalizeNfc, ComposesHangulByArithmetic) {
  EXPECT_EQ(Nfc(U"\u1100\u1161"), Utf8(U"\uAC00"));
  EXPECT_EQ(Nfc(U"\u1100\u1161\u11A8"), Utf8(U"\uAC01"));
  EXPECT_EQ(Nfc(U"\uAC00\u11A8"), Utf8(U"\uAC01"));
  EXPECT_EQ(Nfc(U"\uAC01\u11A8"), Utf8(U"\uAC01\u11A8"));  // has its final consonant already
  EXPECT_EQ(Nfc(U"\u1112\u1175\u11C2"), Utf8(U"\uD7A3"));  // the last syllable
  EXPECT_EQ(Nfc(U"\u1100\u11A8"), Utf8(U"\u1100\u11A8"));
}

TEST(NormalizeNfc, LeavesWhatIsNewerThanTheReference) {
  // Unicode 14 gave U+0898 the class 230, but the reference normalises by Unicode 9 and does not move it.
  EXPECT_EQ(Nfc(U"q\u0898\u0316"), Utf8(U"q\u0898\u0316"));
  EXPECT_EQ(Nfc(U"\U00011935\U00011930"), Utf8(U"\U00011935\U00011930"));
}

TEST(NormalizeNfc, AgreesWithTheReferenceOnRandomStrings) {
  std::string storage;
  int num_changed = 0;
  for (const std::string& line :
       testing::ReadTextLines(std::string(THIMBLE_SOURCE_DIR) + "/tests/data/text/split_cases.jsonl")) {
    const auto json = Json::Parse(line, "split_cases.jsonl");
    ASSERT_TRUE(json.ok()) << json.error().message;
    const std::string& text = json.value().Find("text")->text();
    const Json* normal = json.value().Find("nfc");
    if (normal != nullptr) ++num_changed;
    EXPECT_EQ(NormalizeNfc(text, &storage), normal != nullptr ? normal->text() : text) << line;
  }
  EXPECT_GT(num_changed, 100);
}

TEST(NormalizeNfc, IsItsOwnNormalForm) {
  std::string first_storage;
  std::string second_storage;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::string text;
    for (std::uint64_t step = 0; step < 40; ++step) {
      const std::uint64_t bits = RandomBits(seed, step);
      AppendUtf8(&text, static_cast<char32_t>(bits % 3 == 0 ? 0x300 + bits / 3 % 0x70 : 0x40 + bits / 3 % 0x1200));
    }
    const std::string once(NormalizeNfc(text, &first_storage));
    EXPECT_EQ(NormalizeNfc(once, &second_storage), once);
  }
}

TEST(NormalizeNfc, OrdersAVeryLongRunOfMarks) {
  constexpr std::size_t kPairs = 200'000;
  std::string text = "q";
  for (std::size_t i = 0; i < kPairs; ++i) text += Utf8(U"\u0301\u0316");
  std::string storage;
  const std::string_view normal = NormalizeNfc(text, &storage);
  ASSERT_EQ(normal.size(), text.size());
  EXPECT_EQ(normal.substr(1, 2), Utf8(U"\u0316"));
  EXPECT_EQ(normal.substr(1 + 2 * (kPairs - 1), 4), Utf8(U"\u0316\u0301"));
  EXPECT_EQ(normal.substr(normal.size() - 2), Utf8(U"\u0301"));
}

TEST(NormalizeNfc, SurvivesInvalidBytes) {
  std::string storage;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::string bytes;
    for (std::uint64_t step = 0; step < 24; ++step) bytes += static_cast<char>(RandomBits(seed, step));
    const std::string normal(NormalizeNfc(bytes, &storage));
    EXPECT_FALSE(normal.empty());
  }
}

}  // namespace
}  // namespace thimble
