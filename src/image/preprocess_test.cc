// SPDX-License-Identifier: Apache-2.0
// Sizes, resampling and patches against what the reference processor computed, bit for bit.

#include "image/preprocess.h"

#include "npy.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace thimble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LoadNpy;
using testing::NpyArray;
using OrderedJson = nlohmann::ordered_json;

const std::string kFixtures = THIMBLE_FIXTURES_DIR;

OrderedJson ReadJson(const std::string& path) { return OrderedJson::parse(testing::ReadTextFile(path)); }

Image ImageOf(const NpyArray& array) {
  const auto bytes = array.As<std::uint8_t>();
  return {static_cast<int>(array.shape[1]), static_cast<int>(array.shape[0]), {bytes.begin(), bytes.end()}};
}

Image FlatImage(int width, int height, std::uint8_t value) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3, value)};
}

// A picture without any symmetry that could hide a swapped axis or channel.
Image NoisyImage(int width, int height) {
  Image image = FlatImage(width, height, 0);
  std::uint32_t state = 12345;
  for (auto& sample : image.rgb) {
    state = state * 1664525U + 1013904223U;
    sample = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

PatchSizes SizesOfFactor(int factor) { return {factor / 2, 2, 2}; }

TEST(SmartResize, EveryRowOfTheReference) {
  const OrderedJson rows = ReadJson(kFixtures + "/vision/smart_resize.json")["image"];
  ASSERT_EQ(rows.size(), 210U);
  for (const auto& row : rows) {
    const auto size =
        SmartResize(row["height"], row["width"], SizesOfFactor(row["factor"]), {row["min_pixels"], row["max_pixels"]});
    ASSERT_EQ(size.ok(), row.contains("resized")) << row;
    if (size.ok()) {
      EXPECT_THAT(row["resized"].get<std::vector<int>>(), ElementsAre(size.value().height, size.value().width)) << row;
    } else {
      EXPECT_EQ(size.error().code, Code::kInvalid);
      EXPECT_THAT(size.error().message, HasSubstr("at most 200 times")) << row;
    }
  }
}

TEST(SmartResize, EveryVideoRowOfTheReference) {
  const OrderedJson rows = ReadJson(kFixtures + "/vision/smart_resize.json")["video"];
  ASSERT_EQ(rows.size(), 26U);
  for (const auto& row : rows) {
    const auto size = SmartResizeVideo(row["frames"], row["height"], row["width"], SizesOfFactor(row["factor"]),
                                       {row["min_pixels"], row["max_pixels"]});
    ASSERT_EQ(size.ok(), row.contains("resized")) << row;
    if (size.ok()) {
      EXPECT_THAT(row["resized"].get<std::vector<int>>(), ElementsAre(size.value().height, size.value().width)) << row;
    } else {
      EXPECT_EQ(size.error().code, Code::kInvalid);
    }
  }
}

TEST(SmartResize, RefusesWhatHasNoSize) {
  EXPECT_EQ(SmartResize(0, 10, {}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(SmartResize(10, -1, {}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(SmartResizeVideo(4, 0, 10, {}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(SmartResizeVideo(-3, 64, 64, {}, {}).error().code, Code::kInvalid);
  EXPECT_THAT(SmartResize(10, 10, {0, 2, 2}, {}).error().message, HasSubstr("patch must be"));
  EXPECT_THAT(SmartResize(10, 10, {}, {100, 50}).error().message, HasSubstr("pixel limits"));
  EXPECT_THAT(SmartResize(10, 10, {}, {std::int64_t{1} << 62, std::int64_t{1} << 62}).error().message,
              HasSubstr("lower the pixel limits"));
  EXPECT_FALSE(SmartResize(1 << 30, 1, {}, {}).ok());
  EXPECT_TRUE(SmartResize(2147483647, 2147483647, {}, {}).ok());
}

// Every picture of processor_cases.json under both pixel limits.
void CheckSummary(const OrderedJson& summary, std::size_t size, const auto& at) {
  ASSERT_EQ(summary["size"].get<std::size_t>(), size);
  double sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<double>(at(i));
  EXPECT_NEAR(sum / static_cast<double>(size), summary["mean"].get<double>(), 1e-9);
  for (std::size_t i = 0; i < summary["indices"].size(); ++i) {
    EXPECT_EQ(at(summary["indices"][i].get<std::size_t>()), summary["values"][i].get<float>()) << "value " << i;
  }
}

void CheckProcessed(const Image& decoded, const OrderedJson& expected, const PixelLimits& limits) {
  const auto size = SmartResize(decoded.height, decoded.width, {}, limits);
  ASSERT_TRUE(size.ok()) << size.error().message;
  EXPECT_THAT(expected["resized_height_width"].get<std::vector<int>>(),
              ElementsAre(size.value().height, size.value().width));
  const auto resized = ResizeBicubic(decoded, size.value());
  ASSERT_TRUE(resized.ok()) << resized.error().message;
  const std::vector<std::uint8_t>& rgb = resized.value().rgb;
  if (expected.contains("resized_rgb")) {
    const NpyArray array =
        LoadNpy(kFixtures + "/vision/processor/" + expected["resized_rgb"]["file"].get<std::string>());
    EXPECT_EQ(rgb, ImageOf(array).rgb);
  } else {
    CheckSummary(expected["resized_rgb_summary"], rgb.size(), [&](std::size_t i) { return rgb[i]; });
  }

  const auto patches = PatchifyImage(decoded, {}, limits);
  ASSERT_TRUE(patches.ok()) << patches.error().message;
  const Patches& got = patches.value();
  EXPECT_THAT(expected["grid_thw"].get<std::vector<int>>(), ElementsAre(got.grid_t, got.grid_h, got.grid_w));
  EXPECT_EQ(got.num_patches() / 4, expected["llm_tokens"].get<int>());
  CheckSummary(expected["pixel_values_summary"], got.values.size(), [&](std::size_t i) { return got.values[i]; });
  if (expected.contains("pixel_values")) {
    const NpyArray array =
        LoadNpy(kFixtures + "/vision/processor/" + expected["pixel_values"]["file"].get<std::string>());
    const auto values = array.As<float>();
    ASSERT_EQ(values.size(), got.values.size());
    EXPECT_EQ(std::memcmp(values.data(), got.values.data(), got.values.size_bytes()), 0);
  }
}

TEST(Processor, EveryPictureOfTheReference) {
  const OrderedJson index = ReadJson(kFixtures + "/vision/processor/processor_cases.json");
  int num_checked = 0;
  for (const auto& entry : index["cases"]) {
    if (!entry.contains("decoded_rgb")) continue;  // large.png: only with a decoder (decode_test)
    const Image decoded =
        ImageOf(LoadNpy(kFixtures + "/vision/processor/" + entry["decoded_rgb"]["file"].get<std::string>()));
    for (const auto& [label, limits] : index["sizes"].items()) {
      SCOPED_TRACE(entry["image"].get<std::string>() + " " + label);
      CheckProcessed(decoded, entry[label], {limits["shortest_edge"], limits["longest_edge"]});
      ++num_checked;
    }
  }
  EXPECT_EQ(num_checked, 36);
}

TEST(Processor, EveryVideoOfTheReference) {
  for (const std::string model : {"vl", "vl-mtp"}) {
    const OrderedJson config = ReadJson(kFixtures + "/models/" + model + "/video_preprocessor_config.json");
    const VideoLimits limits{config["size"]["shortest_edge"], config["size"]["longest_edge"]};
    const std::string folder = kFixtures + "/expected/" + model + "/video/";
    const OrderedJson cases = ReadJson(folder + "video_cases.json");
    ASSERT_EQ(cases.size(), 2U);
    for (const auto& entry : cases) {
      SCOPED_TRACE(model + " " + entry["name"].get<std::string>());
      const NpyArray array = LoadNpy(folder + entry["frames"]["file"].get<std::string>());
      const auto bytes = array.As<std::uint8_t>();
      const std::size_t frame_bytes = bytes.size() / static_cast<std::size_t>(array.shape[0]);
      std::vector<Image> frames;
      for (std::size_t at = 0; at < bytes.size(); at += frame_bytes) {
        frames.push_back({static_cast<int>(array.shape[2]),
                          static_cast<int>(array.shape[1]),
                          {bytes.begin() + at, bytes.begin() + at + frame_bytes}});
      }
      const auto patches = PatchifyVideo(frames, {}, limits);
      ASSERT_TRUE(patches.ok()) << patches.error().message;
      const Patches& got = patches.value();
      EXPECT_THAT(entry["grid_thw"][0].get<std::vector<int>>(), ElementsAre(got.grid_t, got.grid_h, got.grid_w));
      CheckSummary(entry["pixel_values_summary"], got.values.size(), [&](std::size_t i) { return got.values[i]; });
    }
  }
}

TEST(ResizeBicubic, SameSizeIsACopy) {
  const Image image = NoisyImage(13, 7);
  EXPECT_EQ(ResizeBicubic(image, {7, 13}).value().rgb, image.rgb);
}

TEST(ResizeBicubic, FlatStaysFlatAtAnySize) {
  for (const int value : {0, 1, 127, 254, 255}) {
    const Image image = FlatImage(37, 11, static_cast<std::uint8_t>(value));
    for (const auto& [height, width] : {std::pair{1, 1}, {5, 90}, {64, 64}, {11, 36}, {200, 3}}) {
      const Image resized = ResizeBicubic(image, {height, width}).value();
      EXPECT_EQ(resized.rgb, FlatImage(width, height, static_cast<std::uint8_t>(value)).rgb) << width << " " << height;
    }
  }
}

TEST(ResizeBicubic, ColumnsAndRowsFollowOneRule) {
  // The last tile has fewer than eight rows and the last lanes fewer than 32: a transposed picture resized along the
  // other axis must give the same pixels.
  const Image image = NoisyImage(45, 19);
  Image transposed = FlatImage(19, 45, 0);
  for (int y = 0; y < 19; ++y) {
    for (int x = 0; x < 45; ++x) std::memcpy(&transposed.rgb[(x * 19 + y) * 3], &image.rgb[(y * 45 + x) * 3], 3);
  }
  for (const int side : {1, 7, 44, 46, 133}) {
    const Image wide = ResizeBicubic(image, {19, side}).value();
    const Image tall = ResizeBicubic(transposed, {side, 19}).value();
    for (int y = 0; y < 19; ++y) {
      for (int x = 0; x < side; ++x) {
        ASSERT_EQ(std::memcmp(&wide.rgb[(y * side + x) * 3], &tall.rgb[(x * 19 + y) * 3], 3), 0) << side;
      }
    }
  }
}

TEST(ResizeBicubic, RefusesPicturesThatAreNot) {
  EXPECT_EQ(ResizeBicubic(NoisyImage(4, 4), {0, 4}).error().code, Code::kInvalid);
  Image lying = NoisyImage(4, 4);
  lying.height = 5;
  EXPECT_THAT(ResizeBicubic(lying, {8, 8}).error().message, HasSubstr("width x height x 3"));
  EXPECT_EQ(ResizeBicubic(Image{}, {8, 8}).error().code, Code::kInvalid);
}

TEST(Patchify, OrderIsBlocksThenChannelsThenFrames) {
  // 4x4 patches of 2x2 pixels, blocks of 2x2 patches; no resizing at this size.
  const PatchSizes sizes{2, 2, 2};
  const Image image = NoisyImage(8, 8);
  const Patches patches = PatchifyImage(image, sizes, {1, 64}).value();
  ASSERT_EQ(patches.num_patches(), 16);
  ASSERT_EQ(patches.values.size(), 16U * 3 * 2 * 2 * 2);
  std::size_t at = 0;
  for (int block = 0; block < 4; ++block) {
    for (int in_block = 0; in_block < 4; ++in_block) {
      const int top = (block / 2 * 2 + in_block / 2) * 2;
      const int left = (block % 2 * 2 + in_block % 2) * 2;
      for (int channel = 0; channel < 3; ++channel) {
        for (int frame = 0; frame < 2; ++frame) {
          for (int y = 0; y < 2; ++y) {
            for (int x = 0; x < 2; ++x) {
              const float pixel = image.rgb[((top + y) * 8 + left + x) * 3 + channel];
              ASSERT_EQ(patches.values[at++], (pixel - 127.5F) / 127.5F);
            }
          }
        }
      }
    }
  }
}

TEST(Patchify, OddVideoRepeatsItsLastFrame) {
  const std::vector<Image> three = {NoisyImage(32, 32), FlatImage(32, 32, 9), FlatImage(32, 32, 200)};
  std::vector<Image> four = three;
  four.push_back(three.back());
  const Patches padded = PatchifyVideo(three, {}, {}).value();
  const Patches full = PatchifyVideo(four, {}, {}).value();
  EXPECT_EQ(padded.grid_t, 2);
  ASSERT_EQ(padded.values.size(), full.values.size());
  EXPECT_EQ(std::memcmp(padded.values.data(), full.values.data(), full.values.size_bytes()), 0);
}

TEST(Patchify, RefusesWhatIsNoPictureOrVideo) {
  Image lying = NoisyImage(64, 64);
  lying.rgb.pop_back();
  EXPECT_EQ(PatchifyImage(lying, {}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(PatchifyImage(Image{}, {}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(PatchifyImage(NoisyImage(201, 1), {}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(PatchifyVideo({}, {}, {}).error().code, Code::kInvalid);
  const std::vector<Image> one = {NoisyImage(64, 64)};
  EXPECT_THAT(PatchifyVideo(one, {}, {}).error().message, HasSubstr("send a single frame as a picture"));
  const std::vector<Image> mixed = {NoisyImage(64, 64), NoisyImage(64, 65)};
  EXPECT_THAT(PatchifyVideo(mixed, {}, {}).error().message, HasSubstr("one size"));
}

TEST(Video, SamplesTheFramesOfTheReference) {
  EXPECT_THAT(SampleFrameIndices(300, 30.0),
              ElementsAre(0, 16, 31, 47, 63, 79, 94, 110, 126, 142, 157, 173, 189, 205, 220, 236, 252, 268, 283, 299));
  EXPECT_THAT(SampleFrameIndices(10, 30.0), ElementsAre(0, 3, 6, 9));  // at least four
  EXPECT_THAT(SampleFrameIndices(3, 30.0), ElementsAre(0, 1, 2));      // but never more than there are
  EXPECT_THAT(SampleFrameIndices(1, 30.0), ElementsAre(0));
  EXPECT_EQ(SampleFrameIndices(100000, 1.0).size(), 768U);
  EXPECT_EQ(SampleFrameIndices(240, 0.0), SampleFrameIndices(240, 24.0));
  EXPECT_EQ(SampleFrameIndices(240, std::nan("")), SampleFrameIndices(240, 24.0));
  EXPECT_TRUE(SampleFrameIndices(0, 30.0).empty());
  EXPECT_TRUE(SampleFrameIndices(-5, 30.0).empty());
  EXPECT_EQ(SampleFrameIndices(2147483647, 1e-300).size(), 768U);
  EXPECT_EQ(SampleFrameIndices(2147483647, 1e-300).back(), 2147483646);
}

TEST(Video, TimesAreTheMeanOfAPair) {
  const std::vector<int> indices = SampleFrameIndices(300, 30.0);
  const std::vector<double> seconds = FrameTimestamps(indices, 30.0);
  ASSERT_EQ(seconds.size(), 10U);
  EXPECT_DOUBLE_EQ(seconds[0], (0 / 30.0 + 16 / 30.0) / 2);
  EXPECT_DOUBLE_EQ(seconds[9], (283 / 30.0 + 299 / 30.0) / 2);
  const std::vector<int> five = {0, 1, 2, 3, 4};
  EXPECT_THAT(FrameTimestamps(five, 2.0), ElementsAre(0.25, 1.25, 2.0));  // the last frame is its own partner
  EXPECT_TRUE(FrameTimestamps({}, 30.0).empty());
}

}  // namespace
}  // namespace thimble
