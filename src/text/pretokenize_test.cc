// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenize.h"

#include "base/rng.h"
#include "files/json.h"
#include "text/unicode.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thimble {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t length = FirstPieceLength(text);
    if (length == 0 || length > text.size()) {
      ADD_FAILURE() << "a piece of " << length << " bytes, " << text.size() << " left";
      break;
    }
    pieces.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pieces;
}

TEST(FirstPieceLength, WordsTakeOneCharacterBeforeThem) {
  EXPECT_THAT(Split("Hello world"), ElementsAre("Hello", " world"));
  EXPECT_THAT(Split("a  b"), ElementsAre("a", " ", " b"));
  EXPECT_THAT(Split("x\tfoo(bar)"), ElementsAre("x", "\tfoo", "(bar", ")"));
  EXPECT_THAT(Split("\nword"), ElementsAre("\n", "word"));
  EXPECT_THAT(Split("...word"), ElementsAre("...", "word"));
  EXPECT_THAT(Split("\xC2\xA0word"), ElementsAre("\xC2\xA0word"));
}

TEST(FirstPieceLength, DigitsStandAlone) {
  EXPECT_THAT(Split("in 2024"), ElementsAre("in", " ", "2", "0", "2", "4"));
  EXPECT_THAT(Split("a1b"), ElementsAre("a", "1", "b"));
  EXPECT_THAT(Split("\xE2\x85\xA7x"), ElementsAre("\xE2\x85\xA7", "x"));  // U+2167
}

TEST(FirstPieceLength, Contractions) {
  EXPECT_THAT(Split("it's I'LL they'Ve"), ElementsAre("it", "'s", " I", "'LL", " they", "'Ve"));
  EXPECT_THAT(Split("'sure"), ElementsAre("'s", "ure"));
  EXPECT_THAT(Split("'lx 'r"), ElementsAre("'lx", " '", "r"));
  EXPECT_THAT(Split("'"), ElementsAre("'"));
  EXPECT_THAT(Split("'l"), ElementsAre("'l"));
  EXPECT_THAT(Split("'v"), ElementsAre("'v"));
  EXPECT_THAT(Split("'\xC5\xBFx"), ElementsAre("'\xC5\xBF", "x"));  // the long s is an s without case
}

TEST(FirstPieceLength, MarksBelongToWords) {
  EXPECT_THAT(Split("\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA5\x87"), ElementsAre("\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA5\x87"));
  EXPECT_THAT(Split("\xCC\x81"), ElementsAre("\xCC\x81"));
  EXPECT_THAT(Split("!\xCC\x81!"), ElementsAre("!\xCC\x81", "!"));
  EXPECT_THAT(Split("1\xCC\x81"), ElementsAre("1", "\xCC\x81"));
}

TEST(FirstPieceLength, PunctuationTakesASpaceBeforeAndNewlinesAfter) {
  EXPECT_THAT(Split("a !=b"), ElementsAre("a", " !=", "b"));
  EXPECT_THAT(Split("};\r\n\n x"), ElementsAre("};\r\n\n", " x"));
  EXPECT_THAT(Split("a  !"), ElementsAre("a", " ", " !"));
  EXPECT_THAT(Split("\t!"), ElementsAre("\t", "!"));
}

TEST(FirstPieceLength, WhiteSpace) {
  EXPECT_THAT(Split("a \n \n  b"), ElementsAre("a", " \n \n", " ", " b"));
  EXPECT_THAT(Split("a   "), ElementsAre("a", "   "));
  EXPECT_THAT(Split("   1"), ElementsAre("  ", " ", "1"));
  EXPECT_THAT(Split(" \xE3\x80\x80 1"), ElementsAre(" \xE3\x80\x80", " ", "1"));
  EXPECT_THAT(Split("\r\n"), ElementsAre("\r\n"));
}

TEST(FirstPieceLength, AgreesWithTheReferenceOnRandomStrings) {
  int num_cases = 0;
  for (const std::string& line :
       testing::ReadTextLines(std::string(THIMBLE_SOURCE_DIR) + "/tests/data/text/split_cases.jsonl")) {
    const auto json = Json::Parse(line, "split_cases.jsonl");
    ASSERT_TRUE(json.ok()) << json.error().message;
    const Json* normal = json.value().Find("nfc");
    if (normal == nullptr) normal = json.value().Find("text");
    std::vector<std::size_t> expected;
    for (const Json& length : json.value().Find("pieces")->items()) {
      expected.push_back(static_cast<std::size_t>(length.AsInt().value_or(0)));
    }
    std::vector<std::size_t> found;
    for (const std::string& piece : Split(normal->text())) found.push_back(piece.size());
    EXPECT_EQ(found, expected) << line;
    ++num_cases;
  }
  EXPECT_EQ(num_cases, 500);
}

TEST(FirstPieceLength, CoversAnyBytes) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::string bytes;
    for (std::uint64_t step = 0; step < 40; ++step) bytes += static_cast<char>(RandomBits(seed, step));
    std::string joined;
    for (const std::string& piece : Split(bytes)) joined += piece;
    EXPECT_EQ(joined, bytes);
  }
}

}  // namespace
}  // namespace thimble
