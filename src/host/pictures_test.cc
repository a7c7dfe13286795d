// SPDX-License-Identifier: Apache-2.0
// Pictures come from files and data URLs only where there are codecs.
#ifdef THIMBLE_HAVE_CODECS
#include "host/pictures.h"

#include "base/text.h"
#include "folder_test.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace thimble::host {
namespace {

TEST(ExpandPath, HomesAndFileUrls) {
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(ExpandPath("~/a.png"), "/home/me/a.png");
  EXPECT_EQ(ExpandPath("file:///tmp/a%20b.png"), "/tmp/a b.png");
  EXPECT_EQ(ExpandPath("file://localhost/tmp/a.png"), "/tmp/a.png");
  EXPECT_EQ(ExpandPath("a%20b.png"), "a%20b.png");
}

TEST(PictureEndings, AreThoseOfTheCodecs) {
  for (const char* name : {"a.png", "A.JPG", "x.jpeg", ".webp", "b.heic"}) EXPECT_TRUE(HasPictureEnding(name)) << name;
  for (const char* name : {"", "png", "a.txt", "a.png.gz"}) EXPECT_FALSE(HasPictureEnding(name)) << name;
}

// A BMP of one colour, 24 bits a pixel.
std::string Bmp(int width, int height, char gray) {
  const auto number = [](int value) {
    std::string bytes;
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(value >> shift & 255));
    return bytes;
  };
  const int row = (3 * width + 3) / 4 * 4;
  std::string bmp = "BM" + number(54 + row * height) + number(0) + number(54) + number(40) + number(width) +
                    number(height) + std::string("\x01\0\x18\0", 4) + number(0) + number(row * height);
  bmp.resize(54, '\0');
  bmp.append(static_cast<std::size_t>(row * height), gray);
  return bmp;
}

class Pictures : public thimble::testing::FolderTest {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string MessageOf(const std::string& source) {
    const auto picture = LoadPicture(source, {});
    return picture.ok() ? "" : picture.error().message;
  }
};

TEST_F(Pictures, FromAPathAUrlAndBase64) {
  const std::string path = Write("a b.bmp", Bmp(1, 1, 'x'));
  std::string url = "file://" + path;
  url.replace(url.find(' '), 1, "%20");
  const std::string base64 = "Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAeHh4eA==";
  for (const std::string& source : {path, url, base64, "data:image/bmp;base64," + base64}) {
    const auto picture = LoadPicture(source, {});
    ASSERT_TRUE(picture.ok()) << picture.error().message;
    EXPECT_EQ(picture.value().image.width, 1);
    ASSERT_EQ(picture.value().image.rgb.size(), 3u);
    EXPECT_EQ(picture.value().image.rgb[0], 'x');
  }
}

TEST_F(Pictures, WhatIsNoneSaysWhy) {
  EXPECT_NE(MessageOf("https://host/a.png").find("opens no network connection"), std::string::npos);
  EXPECT_NE(MessageOf(folder_ + "/none.png").find("none.png"), std::string::npos);
  EXPECT_NE(MessageOf(std::string(300, '.')).find("no path of a file"), std::string::npos);
  EXPECT_NE(MessageOf("data:image/png;base64,AAAA").find("picture in base64"), std::string::npos);
  EXPECT_FALSE(PictureFromBytes("BM", "here", {}).ok());
}

TEST_F(Pictures, FramesInTheOrderOfTheirNumbers) {
  for (const int number : {10, 2, 1}) Write(Cat("frame", number, ".bmp"), Bmp(2, 2, static_cast<char>(number)));
  Write("notes.txt", "no picture");
  Write(".hidden.bmp", "no picture");
  const auto video = LoadFrames(folder_, 1, true, {});
  ASSERT_TRUE(video.ok()) << video.error().message;
  ASSERT_EQ(video.value().frames.size(), 3u);
  EXPECT_EQ(video.value().frames[0].rgb[0], 1);
  EXPECT_EQ(video.value().frames[1].rgb[0], 2);
  EXPECT_EQ(video.value().frames[2].rgb[0], 10);
  Write("frame3.bmp", Bmp(4, 2, 'x'));
  const auto mixed = LoadFrames(folder_, 1, true, {});
  ASSERT_FALSE(mixed.ok());
  EXPECT_NE(mixed.error().message.find("frame3.bmp is 4 x 2, the first frame 2 x 2"), std::string::npos);
}

TEST_F(Pictures, AFolderWithoutFrames) {
  const auto video = LoadFrames(folder_, 1, true, {});
  ASSERT_FALSE(video.ok());
  EXPECT_EQ(video.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace thimble::host

#endif  // THIMBLE_HAVE_CODECS
