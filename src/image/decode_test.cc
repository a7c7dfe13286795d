// SPDX-License-Identifier: Apache-2.0
// Decoders against the pixels the reference sees, then truncated, damaged and lying files.

#ifdef THIMBLE_HAVE_CODECS

#include "image/decode.h"

#include "image/exif.h"
#include "image/preprocess.h"
#include "npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace thimble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LoadNpy;
using ::testing::StartsWith;
using OrderedJson = nlohmann::ordered_json;

const std::string kFixtures = THIMBLE_FIXTURES_DIR;
const std::string kCases = std::string(THIMBLE_SOURCE_DIR) + "/tests/data/image/decode_cases.json";
constexpr DecodeOptions kSmall{1 << 20};

OrderedJson ReadJson(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return OrderedJson::parse(file);
}

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(at, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<std::byte> ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::vector<char> chars{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto bytes = std::as_bytes(std::span(chars));
  return {bytes.begin(), bytes.end()};
}

struct Picture {
  std::string name;
  std::vector<std::byte> bytes;
  int width = 0;
  int height = 0;
  std::vector<std::byte> rgb;
  int tolerance = 0;
};

// What the decoders can read in this build.
const std::vector<Picture>& Pictures() {
  static const std::vector<Picture> pictures = [] {
    std::vector<Picture> read;
    const OrderedJson cases = ReadJson(kCases);
    for (const auto& entry : cases["decoded"]) {
      Picture picture{entry["name"],   FromHex(entry["file"]), entry["width"],
                      entry["height"], FromHex(entry["rgb"]),  entry["tolerance"]};
      const auto image = DecodeImage(picture.bytes, kSmall);
      if (!image.ok() && image.error().code == Code::kUnsupported && picture.name.rfind("heic", 0) == 0) {
        EXPECT_THAT(image.error().message, HasSubstr("JPEG or PNG"));
        continue;  // a build without libheif, or a libheif without an HEVC decoder
      }
      read.push_back(std::move(picture));
    }
    return read;
  }();
  return pictures;
}

int LargestDifference(std::span<const std::uint8_t> got, std::span<const std::byte> expected) {
  int largest = got.size() == expected.size() ? 0 : 256;
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    largest = std::max(largest, std::abs(got[i] - static_cast<int>(expected[i])));
  }
  return largest;
}

Code CodeNamed(const std::string& name) {
  if (name == "exhausted") return Code::kExhausted;
  if (name == "unsupported") return Code::kUnsupported;
  EXPECT_EQ(name, "corrupt");
  return Code::kCorrupt;
}

// A decoder may say no, or give a whole picture within the limit; nothing else.
void ExpectSane(const Result<Image>& image) {
  if (!image.ok()) {
    EXPECT_THAT(image.error().message, StartsWith("["));
    return;
  }
  const Image& got = image.value();
  EXPECT_GE(got.width, 1);
  EXPECT_GE(got.height, 1);
  EXPECT_LE(std::int64_t{got.width} * got.height, kSmall.max_pixels);
  EXPECT_EQ(got.rgb.size(), static_cast<std::size_t>(got.width) * got.height * 3);
}

TEST(DecodeImage, EveryKindGivesThePixelsOfTheReference) {
  EXPECT_GE(Pictures().size(), 95U);
  for (const Picture& picture : Pictures()) {
    SCOPED_TRACE(picture.name);
    const auto image = DecodeImage(picture.bytes, kSmall);
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_EQ(image.value().width, picture.width);
    EXPECT_EQ(image.value().height, picture.height);
    EXPECT_LE(LargestDifference(image.value().rgb, picture.rgb), picture.tolerance);
  }
}

TEST(DecodeImage, EveryPictureOfTheProcessor) {
  int num_checked = 0;
  const OrderedJson index = ReadJson(kFixtures + "/vision/processor/processor_cases.json");
  for (const auto& entry : index["cases"]) {
    const std::string name = entry["image"];
    SCOPED_TRACE(name);
    const auto image = DecodeImageFile(kFixtures + "/vision/images/" + name, {});
    ASSERT_TRUE(image.ok()) << image.error().message;
    const std::vector<std::uint8_t>& rgb = image.value().rgb;
    EXPECT_EQ(image.value().height, entry["decoded_height_width"][0].get<int>());
    EXPECT_EQ(image.value().width, entry["decoded_height_width"][1].get<int>());
    if (entry.contains("decoded_rgb")) {
      const bool is_lossy = name.find(".jpg") != std::string::npos || name == "lossy.webp";
      const auto expected = LoadNpy(kFixtures + "/vision/processor/" + entry["decoded_rgb"]["file"].get<std::string>());
      EXPECT_LE(LargestDifference(rgb, expected.bytes), is_lossy ? 5 : 0);
    } else {
      const OrderedJson& summary = entry["decoded_rgb_summary"];
      ASSERT_EQ(summary["size"].get<std::size_t>(), rgb.size());
      for (std::size_t i = 0; i < summary["indices"].size(); ++i) {
        EXPECT_EQ(rgb[summary["indices"][i].get<std::size_t>()], summary["values"][i].get<double>());
      }
    }
    ++num_checked;
  }
  EXPECT_EQ(num_checked, 19);
}

TEST(DecodeImage, LargePictureReachesThePatchesOfTheReference) {
  // The one picture whose decoded pixels are too many for a fixture: decoder and processor together.
  const OrderedJson index = ReadJson(kFixtures + "/vision/processor/processor_cases.json");
  const Image image = DecodeImageFile(kFixtures + "/vision/images/large.png", {}).value();
  int num_checked = 0;
  for (const auto& entry : index["cases"]) {
    if (entry["image"] != "large.png") continue;
    for (const auto& [label, limits] : index["sizes"].items()) {
      const auto patches = PatchifyImage(image, {}, {limits["shortest_edge"], limits["longest_edge"]});
      ASSERT_TRUE(patches.ok());
      const OrderedJson& summary = entry[label]["pixel_values_summary"];
      ASSERT_EQ(patches.value().values.size(), summary["size"].get<std::size_t>());
      for (std::size_t i = 0; i < summary["indices"].size(); ++i) {
        EXPECT_EQ(patches.value().values[summary["indices"][i].get<std::size_t>()], summary["values"][i].get<float>());
        ++num_checked;
      }
    }
  }
  EXPECT_EQ(num_checked, 128);
}

// As the command words it.
std::string WordsOf(const Error& error) {
  const bool can_be_raised = !error.advice.empty() && error.advice[0].kind == Advice::kRaiseImagePixels;
  return error.message + (can_be_raised ? " or raise --max-image-pixels" : "");
}

TEST(DecodeImage, RefusesWhatLiesOrIsNoPicture) {
  const OrderedJson refused = ReadJson(kCases)["refused"];
  EXPECT_GE(refused.size(), 29U);
  for (const auto& entry : refused) {
    SCOPED_TRACE(entry["name"].get<std::string>());
    const auto image = DecodeImage(FromHex(entry["file"]), {});
    ASSERT_FALSE(image.ok());
    EXPECT_EQ(image.error().code, CodeNamed(entry["code"])) << image.error().message;
    EXPECT_THAT(WordsOf(image.error()), HasSubstr(entry["says"].get<std::string>()));
  }
}

TEST(DecodeImage, TheLimitCountsPixelsOfTheHeader) {
  for (const Picture& picture : Pictures()) {
    SCOPED_TRACE(picture.name);
    const std::int64_t num_pixels = std::int64_t{picture.width} * picture.height;
    EXPECT_TRUE(DecodeImage(picture.bytes, {num_pixels}).ok());
    const auto image = DecodeImage(picture.bytes, {num_pixels - 1});
    ASSERT_FALSE(image.ok());
    EXPECT_EQ(image.error().code, Code::kExhausted);
    ASSERT_EQ(image.error().advice.size(), 1U);
    EXPECT_EQ(image.error().advice[0].kind, Advice::kRaiseImagePixels);
    EXPECT_EQ(image.error().advice[0].value, num_pixels);
    EXPECT_THAT(image.error().message, HasSubstr(std::to_string(num_pixels - 1)));
    EXPECT_THAT(image.error().message, HasSubstr(std::to_string(num_pixels) + ":"));
  }
}

// Places to cut or damage a file: all of a small one, 200 spread over a large one.
std::vector<std::size_t> Places(std::size_t size) {
  constexpr std::size_t kMost = 1500;
  constexpr std::size_t kSpread = 200;
  std::vector<std::size_t> places;
  const std::size_t count = size <= kMost ? size : kSpread;
  for (std::size_t i = 0; i < count; ++i) places.push_back(i * size / count);
  return places;
}

TEST(DecodeImage, ATruncatedFileIsAnErrorNotGarbage) {
  for (const Picture& picture : Pictures()) {
    SCOPED_TRACE(picture.name);
    const Image whole = DecodeImage(picture.bytes, kSmall).value();
    const bool may_be_whole = picture.name.rfind("gif", 0) == 0 || picture.name.rfind("heic", 0) == 0 ||
                              picture.name.rfind("bmp_rle", 0) == 0;
    for (const std::size_t size : Places(picture.bytes.size())) {
      // A copy of exactly that size, so that a sanitizer sees a read beyond it.
      const std::vector<std::byte> cut(picture.bytes.begin(), picture.bytes.begin() + size);
      const auto image = DecodeImage(cut, kSmall);
      ExpectSane(image);
      if (!image.ok()) continue;
      // GIF ends with bytes after the first frame; there a cut file may still hold every pixel.
      EXPECT_TRUE(may_be_whole) << "cut at " << size;
      EXPECT_EQ(image.value().rgb, whole.rgb) << "cut at " << size;
    }
  }
}

TEST(DecodeImage, TruncatedFixturesAreErrors) {
  for (const auto& file : std::filesystem::directory_iterator(kFixtures + "/vision/images")) {
    SCOPED_TRACE(file.path().filename());
    const std::vector<std::byte> bytes = ReadBytes(file.path());
    for (const std::size_t size : Places(bytes.size())) {
      const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + size);
      EXPECT_FALSE(DecodeImage(cut, kSmall).ok()) << "cut at " << size;
    }
  }
}

TEST(DecodeImage, DamagedBytesNeverBreakADecoder) {
  std::uint32_t state = 7;
  const auto next = [&state] { return (state = state * 1664525U + 1013904223U) >> 8; };
  int num_errors = 0;
  int num_images = 0;
  for (const Picture& picture : Pictures()) {
    SCOPED_TRACE(picture.name);
    for (int round = 0; round < 150; ++round) {
      std::vector<std::byte> damaged = picture.bytes;
      const std::uint32_t num_flips = 1 + next() % 4;
      for (std::uint32_t flip = 0; flip < num_flips; ++flip) {
        // Half of the damage goes into the first bytes, where headers are.
        const std::size_t range = next() % 2 == 0 ? std::min<std::size_t>(damaged.size(), 64) : damaged.size();
        damaged[next() % range] = static_cast<std::byte>(next());
      }
      const auto image = DecodeImage(damaged, kSmall);
      ExpectSane(image);
      ++(image.ok() ? num_images : num_errors);
    }
  }
  EXPECT_GT(num_errors, 1000);
  EXPECT_GT(num_images, 1000);
}

TEST(DecodeImage, RunsThatEndEarlyLeaveTheFirstPaletteEntry) {
  // 2x2 pixels, palette of two, one run of one pixel, then the end mark.
  std::vector<std::byte> bmp(14 + 40 + 8);
  const auto put = [&bmp](std::size_t at, int value) { bmp[at] = static_cast<std::byte>(value); };
  put(0, 'B'), put(1, 'M'), put(10, 62), put(14, 40), put(18, 2), put(22, 2), put(26, 1), put(28, 8), put(30, 1);
  put(46, 2);
  put(54, 10), put(55, 20), put(56, 30), put(58, 40), put(59, 50), put(60, 60);
  for (const int value : {1, 1, 0, 1}) bmp.push_back(static_cast<std::byte>(value));
  const auto image = DecodeImage(bmp, kSmall);
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_THAT(image.value().rgb, ElementsAre(30, 20, 10, 30, 20, 10, 60, 50, 40, 30, 20, 10));
}

TEST(DecodeImageFile, NamesTheFile) {
  const auto missing = DecodeImageFile("no/such/picture.png", {});
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, StartsWith("no/such/picture.png: [image]"));
  EXPECT_EQ(DecodeImageFile(THIMBLE_SOURCE_DIR, {}).error().code, Code::kInvalid);  // a folder
  const auto text = DecodeImageFile(std::string(THIMBLE_SOURCE_DIR) + "/CMakeLists.txt", {});
  EXPECT_EQ(text.error().code, Code::kUnsupported);
  EXPECT_THAT(text.error().message, HasSubstr("CMakeLists.txt: [image] a picture is PNG"));
  EXPECT_THAT(DecodeImageFile("bad\x1b[31m", {}).error().message, ::testing::Not(HasSubstr("\x1b")));
}

std::vector<std::byte> Exif(const std::string& bytes) {
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

TEST(ExifOrientation, ReadsBothByteOrdersAndBothTypes) {
  using namespace std::string_literals;
  const std::string little = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"s;
  const std::string big = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x05\0\0\0\0\0\0"s;
  const std::string wide = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x07\0\0\0\0"s;
  EXPECT_EQ(ExifOrientation(Exif(little)), 6);
  EXPECT_EQ(ExifOrientation(Exif("Exif\0\0"s + little)), 6);
  EXPECT_EQ(ExifOrientation(Exif(big)), 5);
  EXPECT_EQ(ExifOrientation(Exif(wide)), 7);
}

TEST(ExifOrientation, ABrokenBlockMeansAsStored) {
  using namespace std::string_literals;
  const std::string block = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s;
  ASSERT_EQ(ExifOrientation(Exif(block)), 6);
  for (std::size_t size = 0; size < block.size(); ++size) {
    EXPECT_EQ(ExifOrientation(Exif(block.substr(0, size))), 1) << size;
  }
  for (const std::string& broken : {
           "XX*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s,        // no byte order
           "II+\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s,        // no TIFF
           "II*\0\xff\xff\xff\xff\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"s,  // directory outside
           "II*\0\x08\0\0\0\xff\xff\x13\x01\x03\0\x01\0\0\0\x06\0\0\0"s,      // entries outside
           "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0"s,        // no such orientation
           "II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0"s,        // text
       }) {
    EXPECT_EQ(ExifOrientation(Exif(broken)), 1);
  }
}

TEST(ApplyOrientation, EightDifferentTurnsThatUndoEachOther) {
  const Image image{3, 2, {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6}};
  std::set<std::string> seen;
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = ApplyOrientation(image, orientation).value();
    EXPECT_EQ(turned.width, orientation >= 5 ? 2 : 3);
    seen.emplace(turned.rgb.begin(), turned.rgb.end());
    const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    EXPECT_EQ(ApplyOrientation(turned, inverse).value().rgb, image.rgb) << orientation;
  }
  EXPECT_EQ(seen.size(), 8U);
  // 6: the camera was held upright; the first column, read from the bottom, is the first row.
  const std::vector<std::uint8_t> upright = ApplyOrientation(image, 6).value().rgb;
  EXPECT_THAT(upright, ElementsAre(4, 4, 4, 1, 1, 1, 5, 5, 5, 2, 2, 2, 6, 6, 6, 3, 3, 3));
}

}  // namespace
}  // namespace thimble

#endif  // THIMBLE_HAVE_CODECS
