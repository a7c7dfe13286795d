// SPDX-License-Identifier: Apache-2.0
// White under transparent pixels, in every format that can be transparent; and the reference's way untouched beside it.

#ifdef THIMBLE_HAVE_CODECS

#include "image/decode.h"

#include <gtest/gtest.h>
#include <png.h>
#include <webp/encode.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace thimble {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Two by two: whole red, half green, a blue that is not seen, whole gray.
const Bytes kRgba = {255, 0, 0, 255, 0, 200, 0, 128, 0, 0, 255, 0, 90, 90, 90, 255};
const Bytes kOnWhite = {255, 0, 0, 127, 227, 127, 255, 255, 255, 90, 90, 90};
const Bytes kDropped = {255, 0, 0, 0, 200, 0, 0, 0, 255, 90, 90, 90};

Bytes Decode(const Bytes& file, Alpha alpha) {
  DecodeOptions options;
  options.alpha = alpha;
  auto image = DecodeImage(std::as_bytes(std::span(file)), options);
  EXPECT_TRUE(image.ok()) << image.error().message;
  return image.ok() ? image.value().rgb : Bytes();
}

Bytes WritePng(const Bytes& pixels, png_uint_32 width, png_uint_32 height, png_uint_32 format) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  png_alloc_size_t size = 0;
  EXPECT_NE(png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr), 0);
  Bytes file(size);
  EXPECT_NE(png_image_write_to_memory(&image, file.data(), &size, 0, pixels.data(), 0, nullptr), 0);
  return file;
}

TEST(Alpha, PngColours) {
  const Bytes file = WritePng(kRgba, 2, 2, PNG_FORMAT_RGBA);
  EXPECT_EQ(Decode(file, Alpha::kWhite), kOnWhite);
  EXPECT_EQ(Decode(file, Alpha::kDrop), kDropped);
}

TEST(Alpha, PngGrays) {
  const Bytes file = WritePng({0, 0, 0, 255, 100, 51, 7, 128}, 2, 2, PNG_FORMAT_GA);
  const Bytes grays = {255, 0, 224, 131};
  const Bytes decoded = Decode(file, Alpha::kWhite);
  ASSERT_EQ(decoded.size(), 12U);
  for (std::size_t i = 0; i < decoded.size(); ++i) EXPECT_NEAR(decoded[i], grays[i / 3], 1) << i;
}

// Palettes with half-transparent entries, interlaced and 16-bit files, as libpng's own simple reader sees them.
TEST(Alpha, EveryPngOfTheFixtures) {
  int num_transparent = 0;
  for (const char* name :
       {"rgba.png", "gray_alpha.png", "palette_transparent.png", "palette.png", "rgb.png", "gray8.png"}) {
    std::ifstream in(std::string(THIMBLE_FIXTURES_DIR) + "/vision/images/" + name, std::ios::binary);
    const Bytes file{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    ASSERT_NE(png_image_begin_read_from_memory(&image, file.data(), file.size()), 0) << name;
    image.format = PNG_FORMAT_RGBA;
    Bytes rgba(PNG_IMAGE_SIZE(image));
    ASSERT_NE(png_image_finish_read(&image, nullptr, rgba.data(), 0, nullptr), 0) << name;
    const Bytes decoded = Decode(file, Alpha::kWhite);
    ASSERT_EQ(decoded.size() / 3, rgba.size() / 4) << name;
    bool is_transparent = false;
    for (std::size_t i = 0; i < rgba.size() / 4; ++i) {
      const int alpha = rgba[i * 4 + 3];
      is_transparent = is_transparent || alpha < 255;
      for (std::size_t c = 0; c < 3; ++c)
        ASSERT_NEAR(decoded[i * 3 + c], (rgba[i * 4 + c] * alpha + 255.0 * (255 - alpha)) / 255, 1)
            << name << ", " << i;
    }
    num_transparent += is_transparent ? 1 : 0;
    if (!is_transparent) {
      EXPECT_EQ(decoded, Decode(file, Alpha::kDrop)) << name;
    }
  }
  EXPECT_EQ(num_transparent, 3);
}

TEST(Alpha, Webp) {
  WebPConfig config;
  ASSERT_NE(WebPConfigInit(&config), 0);
  config.lossless = 1;
  config.exact = 1;  // colours under transparent pixels too
  WebPPicture picture;
  ASSERT_NE(WebPPictureInit(&picture), 0);
  picture.use_argb = 1;
  picture.width = picture.height = 2;
  ASSERT_NE(WebPPictureImportRGBA(&picture, kRgba.data(), 8), 0);
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  ASSERT_NE(WebPEncode(&config, &picture), 0);
  const Bytes file(writer.mem, writer.mem + writer.size);
  WebPMemoryWriterClear(&writer);
  WebPPictureFree(&picture);
  EXPECT_EQ(Decode(file, Alpha::kWhite), kOnWhite);
  EXPECT_EQ(Decode(file, Alpha::kDrop), kDropped);
}

// Entries 0 (red) and 1 (blue, transparent) on a canvas of three pixels, of which the frame covers two.
TEST(Alpha, Gif) {
  const Bytes file = {'G',  'I', 'F', '8',  '9',  'a', 3, 0, 1, 0, 0x80, 0, 0,    255,  0, 0,
                      0,    0,   255, 0x21, 0xF9, 4,   1, 0, 0, 1, 0,  // the second entry is transparent
                      0x2C, 0,   0,   0,    0,    2,   0, 1, 0, 0, 2,    2, 0x44, 0x0A, 0, 0x3B};
  EXPECT_EQ(Decode(file, Alpha::kWhite), (Bytes{255, 0, 0, 255, 255, 255, 255, 255, 255}));
  EXPECT_EQ(Decode(file, Alpha::kDrop), (Bytes{255, 0, 0, 255, 255, 255, 255, 255, 255}));
  Bytes opaque = file;
  opaque[22] = 0;
  EXPECT_EQ(Decode(opaque, Alpha::kWhite), (Bytes{255, 0, 0, 0, 0, 255, 255, 255, 255}));
  EXPECT_EQ(Decode(opaque, Alpha::kDrop), (Bytes{255, 0, 0, 0, 0, 255, 255, 0, 0}));
}

Bytes WriteBmp(const Bytes& rgba) {
  Bytes file = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 14 + 56, 0, 0, 0};
  const auto add = [&](std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) file.push_back(static_cast<std::uint8_t>(word >> shift));
  };
  for (const std::uint32_t word : {56U, 2U, static_cast<std::uint32_t>(-2), 1U | 32U << 16, 3U, 16U, 0U, 0U, 0U, 0U,
                                   0x000000FFU, 0x0000FF00U, 0x00FF0000U, 0xFF000000U})
    add(word);
  file.insert(file.end(), rgba.begin(), rgba.end());
  return file;
}

TEST(Alpha, Bmp) {
  EXPECT_EQ(Decode(WriteBmp(kRgba), Alpha::kWhite), kOnWhite);
  EXPECT_EQ(Decode(WriteBmp(kRgba), Alpha::kDrop), kDropped);
  Bytes zeros = kRgba;  // what many programs write and do not mean
  for (std::size_t i = 3; i < zeros.size(); i += 4) zeros[i] = 0;
  EXPECT_EQ(Decode(WriteBmp(zeros), Alpha::kWhite), kDropped);
}

}  // namespace
}  // namespace thimble

#endif
