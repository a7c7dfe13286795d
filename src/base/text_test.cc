// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace thimble {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

TEST(Cat, JoinsEveryKindOfPart) {
  const std::string text = "text";
  EXPECT_EQ(Cat("layer ", 3, '/', std::size_t{24}, ' ', text, ' ', std::string_view("view"), ' ', true, ' ', -1.5),
            "layer 3/24 text view true -1.5");
  EXPECT_EQ(Cat(), "");
  EXPECT_EQ(Cat(std::uint64_t{18446744073709551615u}, ' ', std::int64_t{-5}), "18446744073709551615 -5");
  EXPECT_EQ(Cat(1e-9, ' ', 0.1f, ' ', 1e20), "1e-09 0.1 1e+20");
}

TEST(Utf8, EveryCodePointComesBack) {
  for (char32_t c = 1; c <= 0x10FFFF; ++c) {
    if (c == 0xD800) c = 0xE000;
    std::string bytes;
    AppendUtf8(&bytes, c);
    const DecodedChar decoded = DecodeUtf8(bytes);
    ASSERT_TRUE(decoded.is_valid) << static_cast<std::uint32_t>(c);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.num_bytes, static_cast<int>(bytes.size()));
    ASSERT_TRUE(IsValidUtf8(bytes));
    // A character that lacks its last bytes is the longest valid beginning of one, and is worth waiting for.
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      const std::string_view cut = std::string_view(bytes).substr(0, size);
      const DecodedChar part = DecodeUtf8(cut);
      ASSERT_FALSE(part.is_valid);
      ASSERT_EQ(part.num_bytes, static_cast<int>(size));
      ASSERT_EQ(CompletePrefixLength(cut), 0u);
    }
  }
}

// Expected texts are Python's bytes.decode("utf-8", errors="replace"), with R for U+FFFD.
TEST(Utf8, InvalidBytesBecomeAsManyReplacementsAsInPython) {
  const std::array<std::pair<std::string_view, std::string_view>, 15> cases = {{
      {"a\x80z", "aRz"},
      {"\xC0\xAF", "RR"},            // overlong
      {"\xE0\x80\xAF", "RRR"},       // overlong
      {"\xF0\x80\x80\xAF", "RRRR"},  // overlong
      {"\xED\xA0\x80", "RRR"},       // surrogate
      {"\xF4\x90\x80\x80", "RRRR"},  // above U+10FFFF
      {"\xF5\x80", "RR"},            // no first byte at all
      {"\xFF", "R"},                 //
      {"\xE2\x82", "R"},             // cut: one replacement for both bytes
      {"\xE2\x82z", "Rz"},           //
      {"\xF0\x9F\x98", "R"},         //
      {"\xF0\x9F\x98\xF0\x9F\x98\x80", "R\xF0\x9F\x98\x80"},
      {"\xF0\x9Fz", "Rz"},            //
      {"\xC3\xC3\xA9", "R\xC3\xA9"},  //
      {"", ""},                       //
  }};
  for (const auto& [bytes, pattern] : cases) {
    std::string expected;
    for (const char c : pattern) expected.append(c == 'R' ? kReplacement : std::string_view(&c, 1));
    EXPECT_EQ(ReplaceInvalidUtf8(bytes), expected) << pattern;
    EXPECT_EQ(IsValidUtf8(bytes), bytes.empty()) << pattern;
  }
}

TEST(Utf8, CompletePrefix) {
  EXPECT_EQ(CompletePrefixLength(""), 0u);
  EXPECT_EQ(CompletePrefixLength("abc"), 3u);
  EXPECT_EQ(CompletePrefixLength("a\xC3"), 1u);
  EXPECT_EQ(CompletePrefixLength("a\xC3\xA9"), 3u);
  EXPECT_EQ(CompletePrefixLength("a\xE2\x82"), 1u);
  EXPECT_EQ(CompletePrefixLength("a\xF0\x9F\x98"), 1u);
  EXPECT_EQ(CompletePrefixLength("a\xF0\x9F\x98\x80"), 5u);
  // What no further byte can complete is not held back.
  EXPECT_EQ(CompletePrefixLength("a\xFF"), 2u);
  EXPECT_EQ(CompletePrefixLength("a\x80\x80\x80"), 4u);
  EXPECT_EQ(CompletePrefixLength("a\xED\xA0"), 3u);
  EXPECT_EQ(CompletePrefixLength("a\xE0\x80"), 3u);
  EXPECT_EQ(CompletePrefixLength("a\xC0"), 2u);
}

TEST(Fixed, HasSoManyDigitsAfterThePoint) {
  EXPECT_EQ(Fixed(2.5, 0), "2");
  EXPECT_EQ(Fixed(1.0 / 3, 3), "0.333");
  EXPECT_EQ(Fixed(-1204, 1), "-1204.0");
}

TEST(FormatBytes, IsForPeople) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(1023), "1023 bytes");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1536ull << 20), "1.5 GiB");
  EXPECT_EQ(FormatBytes(~0ull), "16777216.0 TiB");
}

TEST(EscapeControls, LeavesTextAndShowsWhatDrivesATerminal) {
  EXPECT_EQ(EscapeControls("plain\n\ttext é😀"), "plain\n\ttext é😀");
  EXPECT_EQ(EscapeControls("\x1b[2J\r\x07"), "\\x1b[2J\\x0d\\x07");
  EXPECT_EQ(EscapeControls("\x7f"), "\\x7f");
  EXPECT_EQ(EscapeControls("\xC2\x9B"
                           "31m"),
            "\\xc2\\x9b31m");  // the one-character form of ESC [
  EXPECT_EQ(EscapeControls("a\xFF\xE2\x82"), "a\\xff\\xe2\\x82");
  EXPECT_EQ(EscapeControls(std::string_view("\0", 1)), "\\x00");
}

}  // namespace
}  // namespace thimble
