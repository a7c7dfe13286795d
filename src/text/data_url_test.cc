// SPDX-License-Identifier: Apache-2.0
#include "text/data_url.h"

#include <gtest/gtest.h>

namespace thimble {
namespace {

std::string Base64(std::string_view text) {
  const auto bytes = DecodeBase64(text);
  return bytes.ok() ? bytes.value() : "error: " + bytes.error().message;
}

TEST(Base64, IsReadInBothAlphabetsWithOrWithoutPadding) {
  EXPECT_EQ(Base64(""), "");
  EXPECT_EQ(Base64("TWFu"), "Man");
  EXPECT_EQ(Base64("TWE="), "Ma");
  EXPECT_EQ(Base64("TQ=="), "M");
  EXPECT_EQ(Base64("TQ"), "M");
  EXPECT_EQ(Base64("+/+/"), Base64("-_-_"));
  EXPECT_EQ(Base64(" TW\r\nFu\t=\n"), "Man");
}

TEST(Base64, OtherCharactersAreRefused) {
  for (const char* text : {"TW!u", "TW=u", "\x1b[2J", "\xff\xff"}) {
    const auto bytes = DecodeBase64(text);
    ASSERT_FALSE(bytes.ok()) << text;
    EXPECT_EQ(bytes.error().code, Code::kInvalid);
  }
  EXPECT_NE(Base64("\x1b").find("\\x1b"), std::string::npos);
}

TEST(DataUrl, HoldsBase64WhichMayBePercentEncoded) {
  EXPECT_TRUE(IsDataUrl("DATA:image/png;base64,"));
  EXPECT_FALSE(IsDataUrl("data.png"));
  const auto bytes = DecodeDataUrl("data:image/png;Base64,TW%46u%3D");
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes.value(), "Man");
  for (const char* url : {"data:", "data:image/png,TWFu", "data:;base64", "data:;base64,%%"})
    EXPECT_FALSE(DecodeDataUrl(url).ok()) << url;
}

TEST(Percent, SignsWithoutTwoDigitsStay) {
  EXPECT_EQ(DecodePercent("a%20b%2Bc"), "a b+c");
  EXPECT_EQ(DecodePercent("100%"), "100%");
  EXPECT_EQ(DecodePercent("%2"), "%2");
  EXPECT_EQ(DecodePercent("%zz%4"), "%zz%4");
}

TEST(Base64Picture, IsKnownByItsFirstBytesOrItsLength) {
  EXPECT_TRUE(LooksLikeBase64Picture("iVBORw0KGgoAAAANSUhEUgAAAAEA"));  // PNG
  EXPECT_TRUE(LooksLikeBase64Picture("/9j/4AAQSkZJRgABAQAAAQABAAD/"));  // JPEG
  EXPECT_FALSE(LooksLikeBase64Picture("iVBORw0KGgo"));                  // too short to be one
  EXPECT_FALSE(LooksLikeBase64Picture("aaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
  EXPECT_FALSE(LooksLikeBase64Picture("holidays/at-the-sea/picture.png"));
  EXPECT_TRUE(LooksLikeBase64Picture(std::string(4096, 'a')));
  EXPECT_FALSE(LooksLikeBase64Picture(std::string(4096, '.')));
}

}  // namespace
}  // namespace thimble
