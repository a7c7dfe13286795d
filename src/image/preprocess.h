// SPDX-License-Identifier: Apache-2.0
// From pixels to what the vision tower reads: smart resize to the patch grid, bicubic resampling, normalised patches in
// merge order. Bit for bit what the reference processor computes (docs of the rules: spec section 3.1, 3.7).
#pragma once

#include "base/buffer.h"
#include "base/result.h"
#include "image/image.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace thimble {

struct PixelLimits {
  std::int64_t min_pixels = 65536;
  std::int64_t max_pixels = 16777216;
};
struct VideoLimits {  // of the whole volume: frames x height x width
  std::int64_t min_pixels = 4096;
  std::int64_t max_pixels = 25165824;
  std::optional<std::int64_t> max_frame_pixels = std::nullopt;  // besides, of each frame; not the reference's
};
struct PatchSizes {
  int patch = 16;
  int temporal = 2;
  int merge = 2;
};

struct ImageSize {
  int height = 0;
  int width = 0;
};
// kInvalid for an aspect ratio above 200 or an empty picture.
Result<ImageSize> SmartResize(int height, int width, const PatchSizes& sizes, const PixelLimits& limits);
Result<ImageSize> SmartResizeVideo(int num_frames, int height, int width, const PatchSizes& sizes,
                                   const VideoLimits& limits);

// Antialiased bicubic (Keys, a = -0.5) on 8-bit pixels: horizontal pass, 8-bit intermediate, vertical pass.
Result<Image> ResizeBicubic(const Image& image, ImageSize size);

// Patches of one picture, or of one video (t > 1).
struct Patches {
  int grid_t = 0, grid_h = 0, grid_w = 0;  // patches along time, height, width
  ImageSize resized;
  // [grid_t * grid_h * grid_w, 3 * temporal * patch * patch], rows in merge-block order: t, block row, block column,
  // row in block, column in block; a row is (channel, frame of the pair, y, x). Values in [-1, 1].
  Buffer<float> values;

  [[nodiscard]] std::int64_t num_patches() const { return static_cast<std::int64_t>(grid_t) * grid_h * grid_w; }
};

Result<Patches> PatchifyImage(const Image& image, const PatchSizes& sizes, const PixelLimits& limits);
// The same at a size that was chosen before, whole merge blocks on either side.
Result<Patches> PatchifyAt(const Image& image, const PatchSizes& sizes, ImageSize size);
// Frames of one size; an odd count is padded by the last frame.
Result<Patches> PatchifyVideo(std::span<const Image> frames, const PatchSizes& sizes, const VideoLimits& limits);

// Frame indices the reference samples from a video of `total_frames` at `source_fps` (spec 3.7).
std::vector<int> SampleFrameIndices(int total_frames, double source_fps, double target_fps = 2.0);
// Seconds shown before each temporal patch: the mean of the times of its two frames.
std::vector<double> FrameTimestamps(std::span<const int> indices, double source_fps, int temporal = 2);

}  // namespace thimble
