// SPDX-License-Identifier: Apache-2.0
#include "base/outside_text.h"

#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble {
namespace {

using namespace std::string_literals;

std::string Read(const std::string& bytes) {
  auto text = TextFromOutside(bytes, "here", NulBytes::kRefuse);
  return text.ok() ? text.value() : "error: " + text.error().message;
}

// `text` (code points below 0x10000) in UTF-16.
std::string Utf16(const std::u16string& text, bool is_big_endian) {
  std::string out;
  for (const char16_t unit : text) {
    const auto high = static_cast<char>(unit >> 8);
    const auto low = static_cast<char>(unit & 0xFF);
    out.push_back(is_big_endian ? high : low);
    out.push_back(is_big_endian ? low : high);
  }
  return out;
}

TEST(TextFromOutside, MarksAreDroppedAndUtf16IsRead) {
  EXPECT_EQ(Read("Hello\r\n"), "Hello\r\n");
  EXPECT_EQ(Read("\xef\xbb\xbfHello"), "Hello");
  EXPECT_EQ(Read("\xef\xbb\xbf\xef\xbb\xbfx"), "\xef\xbb\xbfx");  // one mark; the second is a character
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read("\xef\xbb"), "\xef\xbb");
  const std::u16string text = u"Gr\u00fc\u00dfe \u65e5\u672c \U0001F600\r\n";
  const std::string wanted = "Gr\u00fc\u00dfe \u65e5\u672c \U0001F600\r\n";
  EXPECT_EQ(Read("\xff\xfe" + Utf16(text, false)), wanted);
  EXPECT_EQ(Read("\xfe\xff" + Utf16(text, true)), wanted);
  EXPECT_EQ(Read("\xff\xfe"), "");
  EXPECT_EQ(Read("caf\xe9"), "caf\xe9");  // invalid UTF-8 is somebody else's to judge
}

TEST(TextFromOutside, HalvesOfCharactersBecomeReplacements) {
  const std::string replaced = "\xef\xbf\xbd";
  EXPECT_EQ(Read("\xff\xfe" + Utf16(u"a\xD83D", false)), "a" + replaced);
  EXPECT_EQ(Read("\xff\xfe" + Utf16(u"\xD83D!", false)), replaced + "!");
  EXPECT_EQ(Read("\xff\xfe" + Utf16(u"\xDE00\xD83D\xDE00", false)), replaced + "\U0001F600");
  EXPECT_EQ(Read("\xff\xfe" + Utf16(u"a", false) + "b"), "a" + replaced);
  EXPECT_EQ(Read("\xff\xfe" + Utf16(u"\xD83D", false) + "b"), replaced + replaced);
}

TEST(TextFromOutside, WhatCannotBeReadIsNamed) {
  const auto says = [](const std::string& bytes, const char* words) {
    const std::string told = Read(bytes);
    EXPECT_TRUE(told.starts_with("error: [text] here ")) << told;
    EXPECT_NE(told.find(words), std::string::npos) << told;
  };
  says("\xff\xfe\0\0h\0\0\0"s, "UTF-32LE");
  says("\0\0\xfe\xff\0\0\0h"s, "UTF-32BE");
  says(Utf16(u"Hello there", false), "-f UTF-16LE");
  says(Utf16(u"Hello there", true), "-f UTF-16BE");
  says(Utf16(u"\u65e5\u672c\u8a9e\u306e\u6587\u7ae0\u3067\u3059\u3002\n", false), "-f UTF-16LE");
  says("h\0\0\0i\0\0\0"s, "UTF-32LE");
  says("\0\0\0h\0\0\0i"s, "UTF-32BE");
  says("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s, "PNG picture");
  says("%PDF-1.7\n\0\1"s, "PDF");
  says("PK\x03\x04\x14\0\0\0"s, "ZIP");
  says("one\0two, then a good deal of text that has no other one, and so on, and so on"s, "byte 4");
  EXPECT_TRUE(TextFromOutside("a\0b"s, "here", NulBytes::kKeep).ok());
  EXPECT_EQ(TextFromOutside("a\0b"s, "here", NulBytes::kKeep).value(), "a\0b"s);
}

TEST(Excerpt, KeepsBothEndsAndWholeCharacters) {
  EXPECT_EQ(Excerpt("short"), "short");
  const std::string path(5000, 'p');
  const std::string told = Excerpt("/begin/" + path + "/end.png");
  EXPECT_LT(told.size(), 200U);
  EXPECT_TRUE(told.starts_with("/begin/p"));
  EXPECT_TRUE(told.ends_with("p/end.png"));
  EXPECT_NE(told.find("5015 bytes"), std::string::npos) << told;
  std::string wide;
  for (int i = 0; i < 500; ++i) wide += "\u65e5";
  for (std::size_t most = 60; most < 70; ++most) EXPECT_TRUE(IsValidUtf8(Excerpt(wide, most))) << most;
  EXPECT_FALSE(Excerpt(std::string(1000, '\x80')).empty());
}

}  // namespace
}  // namespace thimble
