// SPDX-License-Identifier: Apache-2.0
// JPEGs that are larger than what is allowed: read smaller where that is asked for, refused by name where it is not.

#ifdef THIMBLE_HAVE_CODECS

#include "image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

// jpeglib.h needs FILE and size_t declared before it.
#include <cstddef>
#include <cstdio>

#include <jpeglib.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace thimble {
namespace {

using Bytes = std::vector<std::uint8_t>;
using ::testing::HasSubstr;

enum class Scans { kOne, kProgressive, kSixtyFour };

// Of the quarters of every picture here, from the top left by rows.
constexpr std::array<std::array<int, 3>, 4> kQuarters = {
    {{220, 30, 30}, {30, 200, 30}, {40, 40, 230}, {240, 240, 240}}};

// A frequency of the first colour a scan.
std::vector<jpeg_scan_info> SixtyFourScans() {
  std::vector<jpeg_scan_info> scans{{3, {0, 1, 2, 0}, 0, 0, 0, 0}};
  for (int at = 1; at < 64; ++at) scans.push_back({1, {0, 0, 0, 0}, at, at, 0, 0});
  return scans;
}

// In four colours; `orientation` 1 leaves the EXIF block out.
Bytes WriteJpeg(int width, int height, Scans scans = Scans::kOne, int orientation = 1) {
  jpeg_compress_struct codec = {};
  jpeg_error_mgr errors = {};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* memory = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_mem_dest(&codec, &memory, &size);
  codec.image_width = static_cast<JDIMENSION>(width);
  codec.image_height = static_cast<JDIMENSION>(height);
  codec.input_components = 3;
  codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, 95, TRUE);
  codec.comp_info[0].h_samp_factor = codec.comp_info[0].v_samp_factor = 1;
  if (scans == Scans::kProgressive) jpeg_simple_progression(&codec);
  const auto many = SixtyFourScans();
  if (scans == Scans::kSixtyFour) {
    codec.scan_info = many.data();
    codec.num_scans = static_cast<int>(many.size());
  }
  jpeg_start_compress(&codec, TRUE);
  if (orientation != 1) {
    std::string exif("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0", 32);
    exif[24] = static_cast<char>(orientation);
    jpeg_write_marker(&codec, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      static_cast<unsigned>(exif.size()));
  }
  Bytes row(static_cast<std::size_t>(width) * 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto& colour = kQuarters[static_cast<std::size_t>((2 * y >= height ? 2 : 0) + (2 * x >= width ? 1 : 0))];
      for (std::size_t c = 0; c < 3; ++c)
        row[static_cast<std::size_t>(x) * 3 + c] = static_cast<std::uint8_t>(colour[c]);
    }
    JSAMPROW rows = row.data();
    jpeg_write_scanlines(&codec, &rows, 1);
  }
  jpeg_finish_compress(&codec);
  Bytes file(memory, memory + size);
  jpeg_destroy_compress(&codec);
  std::free(memory);
  return file;
}

// The sides in the header only.
Bytes Claim(Bytes file, int width, int height) {
  for (std::size_t at = 2; at + 9 < file.size();) {
    if (file[at + 1] >= 0xC0 && file[at + 1] <= 0xC2) {
      file[at + 5] = static_cast<std::uint8_t>(height >> 8);
      file[at + 6] = static_cast<std::uint8_t>(height);
      file[at + 7] = static_cast<std::uint8_t>(width >> 8);
      file[at + 8] = static_cast<std::uint8_t>(width);
      return file;
    }
    at += 2 + static_cast<std::size_t>(file[at + 2] * 256 + file[at + 3]);
  }
  ADD_FAILURE() << "no frame";
  return file;
}

Result<Image> Decode(const Bytes& file, std::int64_t most, std::int64_t most_of_jpeg = 1 << 20) {
  DecodeOptions options;
  options.max_pixels = most;
  options.max_jpeg_pixels = most_of_jpeg;
  return DecodeImage(std::as_bytes(std::span(file)), options);
}

void ExpectQuarters(const Image& image, const std::array<int, 4>& order) {
  for (int i = 0; i < 4; ++i) {
    const int x = (i % 2 == 0 ? 1 : 3) * image.width / 4;
    const int y = (i / 2 == 0 ? 1 : 3) * image.height / 4;
    const auto& colour = kQuarters[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
    for (int c = 0; c < 3; ++c) {
      EXPECT_NEAR(image.rgb[static_cast<std::size_t>((y * image.width + x) * 3 + c)],
                  colour[static_cast<std::size_t>(c)], 6)
          << "quarter " << i << ", colour " << c;
    }
  }
}

TEST(LargeJpeg, IsReadAsLargeAsFits) {
  struct Case {
    std::int64_t most;
    int width, height;
  };
  for (const Scans scans : {Scans::kOne, Scans::kProgressive}) {
    const Bytes file = WriteJpeg(65, 49, scans);
    for (const Case& wanted : {Case{65 * 49, 65, 49},
                               {65 * 49 - 1, 33, 25},
                               {33 * 25, 33, 25},
                               {33 * 25 - 1, 17, 13},
                               {17 * 13, 17, 13},
                               {17 * 13 - 1, 9, 7},
                               {9 * 7, 9, 7}}) {
      SCOPED_TRACE(wanted.most);
      const auto image = Decode(file, wanted.most);
      if (scans == Scans::kProgressive && wanted.most < 65 * 49 * 3 / 4) {
        EXPECT_FALSE(image.ok());  // its coefficients are too many then
        continue;
      }
      ASSERT_TRUE(image.ok()) << image.error().message;
      EXPECT_EQ(image.value().width, wanted.width);
      EXPECT_EQ(image.value().height, wanted.height);
      EXPECT_EQ(image.value().rgb.size(), static_cast<std::size_t>(wanted.width * wanted.height * 3));
      ExpectQuarters(image.value(), {0, 1, 2, 3});
    }
    EXPECT_EQ(Decode(file, 9 * 7 - 1).error().code, Code::kExhausted);
  }
}

TEST(LargeJpeg, IsTurnedAsItsCameraSays) {
  const auto upright = Decode(WriteJpeg(64, 48, Scans::kOne, 6), 1000);
  ASSERT_TRUE(upright.ok()) << upright.error().message;
  EXPECT_EQ(upright.value().width, 24);
  EXPECT_EQ(upright.value().height, 32);
  ExpectQuarters(upright.value(), {2, 0, 3, 1});
}

TEST(LargeJpeg, IsRefusedWhereNobodyAskedForASmallerOne) {
  const Bytes file = WriteJpeg(64, 48);
  DecodeOptions reference;
  reference.max_pixels = 64 * 48 - 1;
  const auto refused = DecodeImage(std::as_bytes(std::span(file)), reference);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_EQ(refused.error().message, "[jpeg] a picture may have 3071 pixels, found 64 x 48 = 3072: make it smaller");
}

TEST(LargeJpeg, WhatFitsHasTheSamePixelsEitherWay) {
  for (const Scans scans : {Scans::kOne, Scans::kProgressive}) {
    const Bytes file = WriteJpeg(64, 48, scans);
    EXPECT_EQ(Decode(file, 64 * 48).value().rgb, Decode(file, 64 * 48, 0).value().rgb);
  }
}

TEST(LargeJpeg, BeyondItsOwnLimitIsRefusedWithThatLimit) {
  const auto refused = Decode(Claim(WriteJpeg(64, 48), 20001, 20000), 100'000'000, kLargestJpeg);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_EQ(refused.error().message,
            "[jpeg] a picture may have 400000000 pixels, found 20001 x 20000 = 400020000: make it smaller");
}

TEST(LargeJpeg, AHeaderThatClaimsALotIsNoPicture) {
  const auto refused = Decode(Claim(WriteJpeg(64, 48), 20000, 20000), 1'000'000 * 7, kLargestJpeg);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
}

// Three colours of whole size: six bytes a pixel, where the limit has eight for each pixel that may be decoded.
TEST(LargeJpeg, CoefficientsThatAreKeptAreBounded) {
  const Bytes file = WriteJpeg(256, 256, Scans::kProgressive);
  EXPECT_TRUE(Decode(file, 256 * 256 * 3 / 4).ok());
  const auto refused = Decode(file, 256 * 256 * 3 / 4 - 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("a progressive JPEG of 256 x 256"));
  EXPECT_THAT(refused.error().message, HasSubstr("save it as a baseline JPEG or make it smaller"));
  EXPECT_TRUE(Decode(WriteJpeg(256, 256), 256 * 256 * 3 / 4 - 1).ok());
}

TEST(LargeJpeg, HasFewerScans) {
  const Bytes file = WriteJpeg(64, 48, Scans::kSixtyFour);
  EXPECT_TRUE(Decode(file, 64 * 48).ok());
  const auto refused = Decode(file, 64 * 48 - 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
  EXPECT_THAT(refused.error().message, HasSubstr("more than 50 scans"));
}

TEST(LargeJpeg, OtherFormatsAreToldOfIt) {
  const Bytes pixels(std::size_t{64} * 48 * 3, 90);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = 64;
  image.height = 48;
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  ASSERT_NE(png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr), 0);
  Bytes file(size);
  ASSERT_NE(png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr), 0);
  EXPECT_THAT(Decode(file, 1000).error().message,
              HasSubstr("64 x 48 = 3072: save it as a JPEG, which may have more, or make it smaller"));
  EXPECT_THAT(Decode(file, 10).error().message, HasSubstr("64 x 48 = 3072: make it smaller"));
  EXPECT_THAT(Decode(file, 1000, 0).error().message, HasSubstr("64 x 48 = 3072: make it smaller"));
}

}  // namespace
}  // namespace thimble

#endif  // THIMBLE_HAVE_CODECS
