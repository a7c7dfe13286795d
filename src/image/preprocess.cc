// SPDX-License-Identifier: Apache-2.0
// Sizes on the patch grid, patches in merge order and the clock of a video (spec sections 3.1 and 3.7).

#include "image/preprocess.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace thimble {
namespace {

constexpr double kMaxAspectRatio = 200.0;
constexpr int kMaxPatchSide = 256;
constexpr int kMaxTemporal = 16;
constexpr int kMaxMerge = 16;

constexpr int kMinSampledFrames = 4;
constexpr int kMaxSampledFrames = 768;
constexpr double kUnknownFps = 24.0;  // what the reference assumes when a video does not say

Error Invalid(std::string message) { return Error{Code::kInvalid, std::move(message)}; }

Status CheckSizes(const PatchSizes& sizes) {
  if (sizes.patch < 1 || sizes.patch > kMaxPatchSide || sizes.temporal < 1 || sizes.temporal > kMaxTemporal ||
      sizes.merge < 1 || sizes.merge > kMaxMerge) {
    return Invalid(Cat("[image] patch must be 1 to ", kMaxPatchSide, ", temporal 1 to ", kMaxTemporal, ", merge 1 to ",
                       kMaxMerge, ", found ", sizes.patch, ", ", sizes.temporal, ", ", sizes.merge));
  }
  return Done{};
}

Status CheckPixelLimits(std::int64_t min_pixels, std::int64_t max_pixels) {
  if (min_pixels < 0 || max_pixels < 1 || min_pixels > max_pixels) {
    return Invalid(Cat("[image] pixel limits must be 0 <= minimum <= maximum and maximum >= 1, found ", min_pixels,
                       " and ", max_pixels));
  }
  return Done{};
}

Status CheckAspect(double height, double width) {
  const double ratio = std::max(height, width) / std::min(height, width);
  if (ratio <= kMaxAspectRatio) return Done{};
  return Invalid(Cat("[image] the longer side may be at most ", kMaxAspectRatio, " times the shorter one, found ",
                     ratio, " (", width, " x ", height, "): crop the picture"));
}

Status CheckPixels(const Image& image) {
  if (image.width < 1 || image.height < 1) {
    return Invalid(Cat("[image] a picture has at least one pixel, found ", image.width, " x ", image.height));
  }
  const std::size_t num_bytes = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3;
  if (image.rgb.size() != num_bytes) {
    return Invalid(Cat("[image] a picture of ", image.width, " x ", image.height, " holds ", num_bytes,
                       " bytes, found ", image.rgb.size()));
  }
  return Done{};
}

// Python's round(): ties to even, whatever the rounding mode of the thread.
double RoundHalfEven(double x) {
  const double below = std::floor(x);
  const double rest = x - below;
  if (rest != 0.5) return rest < 0.5 ? below : below + 1.0;
  return std::fmod(below, 2.0) == 0.0 ? below : below + 1.0;
}

Result<ImageSize> ToImageSize(double height, double width) {
  constexpr double kMaxSide = std::numeric_limits<int>::max();
  if (height > kMaxSide || width > kMaxSide) {
    return Invalid(Cat("[image] a side has at most ", kMaxSide, " pixels, found ", width, " x ", height,
                       ": lower the pixel limits"));
  }
  return ImageSize{static_cast<int>(height), static_cast<int>(width)};
}

// The rule that pictures and videos share. `volume` is what the limits bound at the original size, `rounded_frames`
// the factor from an area to the volume at the rounded size (1 for a picture).
Result<ImageSize> FitToLimits(double height, double width, double factor, double volume, double rounded_frames,
                              std::int64_t min_pixels, std::int64_t max_pixels) {
  double fit_height = RoundHalfEven(height / factor) * factor;
  double fit_width = RoundHalfEven(width / factor) * factor;
  const auto least = static_cast<double>(min_pixels);
  const auto most = static_cast<double>(max_pixels);
  const double rounded_volume = rounded_frames * fit_height * fit_width;
  if (rounded_volume > most) {
    const double beta = std::sqrt(volume / most);
    fit_height = std::max(factor, std::floor(height / beta / factor) * factor);
    fit_width = std::max(factor, std::floor(width / beta / factor) * factor);
  } else if (rounded_volume < least) {
    const double beta = std::sqrt(least / volume);
    fit_height = std::ceil(height * beta / factor) * factor;
    fit_width = std::ceil(width * beta / factor) * factor;
  }
  // Limits below one block would leave a side of zero where the reference divides by it later.
  return ToImageSize(std::max(fit_height, factor), std::max(fit_width, factor));
}

constexpr std::array<float, 256> MakeNormalised() {
  std::array<float, 256> table{};
  for (int pixel = 0; pixel < 256; ++pixel) table[pixel] = (static_cast<float>(pixel) - 127.5F) / 127.5F;
  return table;
}
constexpr std::array<float, 256> kNormalised = MakeNormalised();

// One frame into every patch that shows it: frame `frame` of the pair (or tuple) whose patches begin at `values`.
void WriteFrame(const Image& image, const PatchSizes& sizes, int frame, float* values) {
  const int side = sizes.patch;
  const int block = side * sizes.merge;  // pixels along one side of a merge block
  const std::size_t frame_values = static_cast<std::size_t>(side) * side;
  const std::size_t channel_values = frame_values * sizes.temporal;
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * 3;
  float* patch = values + frame * frame_values;
  for (int block_y = 0; block_y < image.height; block_y += block) {
    for (int block_x = 0; block_x < image.width; block_x += block) {
      for (int in_block = 0; in_block < sizes.merge * sizes.merge; ++in_block) {
        const int top = block_y + in_block / sizes.merge * side;
        const int left = block_x + in_block % sizes.merge * side;
        for (int y = 0; y < side; ++y) {
          const std::uint8_t* from = image.rgb.data() + (top + y) * row_bytes + static_cast<std::size_t>(left) * 3;
          float* to = patch + static_cast<std::size_t>(y) * side;
          for (int x = 0; x < side; ++x, from += 3) {
            to[x] = kNormalised[from[0]];
            to[x + channel_values] = kNormalised[from[1]];
            to[x + 2 * channel_values] = kNormalised[from[2]];
          }
        }
        patch += 3 * channel_values;
      }
    }
  }
}

Result<Patches> AllocatePatches(ImageSize size, int grid_t, const PatchSizes& sizes) {
  Patches patches;
  patches.grid_t = grid_t;
  patches.grid_h = size.height / sizes.patch;
  patches.grid_w = size.width / sizes.patch;
  patches.resized = size;
  const std::size_t frame_values = static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) * 3;
  const std::size_t num_frames = static_cast<std::size_t>(grid_t) * sizes.temporal;
  if (frame_values > std::numeric_limits<std::size_t>::max() / num_frames) {
    return OutOfMemory(std::numeric_limits<std::size_t>::max());
  }
  THIMBLE_ASSIGN_OR_RETURN(patches.values, Buffer<float>::Create(frame_values * num_frames));
  return patches;
}

}  // namespace

Result<ImageSize> SmartResize(int height, int width, const PatchSizes& sizes, const PixelLimits& limits) {
  THIMBLE_RETURN_IF_ERROR(CheckSizes(sizes));
  THIMBLE_RETURN_IF_ERROR(CheckPixelLimits(limits.min_pixels, limits.max_pixels));
  if (height < 1 || width < 1) {
    return Invalid(Cat("[image] a picture has at least one pixel, found ", width, " x ", height));
  }
  THIMBLE_RETURN_IF_ERROR(CheckAspect(height, width));
  const double area = static_cast<double>(height) * width;
  return FitToLimits(height, width, sizes.patch * sizes.merge, area, 1.0, limits.min_pixels, limits.max_pixels);
}

Result<ImageSize> SmartResizeVideo(int num_frames, int height, int width, const PatchSizes& sizes,
                                   const VideoLimits& limits) {
  THIMBLE_RETURN_IF_ERROR(CheckSizes(sizes));
  THIMBLE_RETURN_IF_ERROR(CheckPixelLimits(limits.min_pixels, limits.max_pixels));
  if (num_frames < sizes.temporal) {
    return Invalid(Cat("[image] a video has at least ", sizes.temporal, " frames, found ", num_frames,
                       ": send a single frame as a picture"));
  }
  if (height < 1 || width < 1) {
    return Invalid(Cat("[image] a frame has at least one pixel, found ", width, " x ", height));
  }
  const double factor = sizes.patch * sizes.merge;
  double tall = height;
  double wide = width;
  if (tall < factor || wide < factor) {
    const double scale = std::max(factor / tall, factor / wide);
    tall = std::trunc(tall * scale);
    wide = std::trunc(wide * scale);
  }
  THIMBLE_RETURN_IF_ERROR(CheckAspect(tall, wide));
  const double rounded_frames = RoundHalfEven(static_cast<double>(num_frames) / sizes.temporal) * sizes.temporal;
  THIMBLE_ASSIGN_OR_RETURN(const ImageSize size, FitToLimits(tall, wide, factor, num_frames * tall * wide,
                                                             rounded_frames, limits.min_pixels, limits.max_pixels));
  if (!limits.max_frame_pixels.has_value() || std::int64_t{size.height} * size.width <= *limits.max_frame_pixels)
    return size;
  return FitToLimits(tall, wide, factor, tall * wide, 1.0, 0, *limits.max_frame_pixels);
}

Result<Patches> PatchifyImage(const Image& image, const PatchSizes& sizes, const PixelLimits& limits) {
  THIMBLE_RETURN_IF_ERROR(CheckPixels(image));
  THIMBLE_ASSIGN_OR_RETURN(const ImageSize size, SmartResize(image.height, image.width, sizes, limits));
  return PatchifyAt(image, sizes, size);
}

Result<Patches> PatchifyAt(const Image& image, const PatchSizes& sizes, ImageSize size) {
  THIMBLE_RETURN_IF_ERROR(CheckPixels(image));
  THIMBLE_RETURN_IF_ERROR(CheckSizes(sizes));
  const int block = sizes.patch * sizes.merge;
  if (size.height < block || size.width < block || size.height % block != 0 || size.width % block != 0) {
    return Invalid(
        Cat("[image] a picture is read in whole blocks of ", block, " pixels, found ", size.width, " x ", size.height));
  }
  THIMBLE_ASSIGN_OR_RETURN(const Image resized, ResizeBicubic(image, size));
  THIMBLE_ASSIGN_OR_RETURN(Patches patches, AllocatePatches(size, 1, sizes));
  for (int frame = 0; frame < sizes.temporal; ++frame) WriteFrame(resized, sizes, frame, patches.values.data());
  return patches;
}

Result<Patches> PatchifyVideo(std::span<const Image> frames, const PatchSizes& sizes, const VideoLimits& limits) {
  constexpr std::size_t kMaxFrames = 1 << 20;
  if (frames.empty() || frames.size() > kMaxFrames) {
    return Invalid(Cat("[image] a video has 1 to ", kMaxFrames, " frames, found ", frames.size()));
  }
  for (const Image& frame : frames) {
    THIMBLE_RETURN_IF_ERROR(CheckPixels(frame));
    if (frame.width != frames[0].width || frame.height != frames[0].height) {
      return Invalid(Cat("[image] the frames of a video have one size, found ", frames[0].width, " x ",
                         frames[0].height, " and ", frame.width, " x ", frame.height));
    }
  }
  const int num_frames = static_cast<int>(frames.size());
  THIMBLE_ASSIGN_OR_RETURN(const ImageSize size,
                           SmartResizeVideo(num_frames, frames[0].height, frames[0].width, sizes, limits));
  const int grid_t = (num_frames + sizes.temporal - 1) / sizes.temporal;
  THIMBLE_ASSIGN_OR_RETURN(Patches patches, AllocatePatches(size, grid_t, sizes));
  const std::size_t values_per_time = patches.values.size() / grid_t;
  for (int index = 0; index < num_frames; ++index) {
    THIMBLE_ASSIGN_OR_RETURN(const Image resized, ResizeBicubic(frames[index], size));
    // The last frame also fills what an incomplete last tuple lacks.
    const int end = index + 1 == num_frames ? grid_t * sizes.temporal : index + 1;
    for (int shown = index; shown < end; ++shown) {
      WriteFrame(resized, sizes, shown % sizes.temporal,
                 patches.values.data() + values_per_time * (shown / sizes.temporal));
    }
  }
  return patches;
}

std::vector<int> SampleFrameIndices(int total_frames, double source_fps, double target_fps) {
  if (total_frames < 1) return {};
  if (!(source_fps > 0.0)) source_fps = kUnknownFps;
  const double wanted = std::trunc(total_frames / source_fps * target_fps);
  // min() last, as in the reference: a video of three frames gives three. NaN and negative rates give the minimum.
  const double clamped = wanted > kMinSampledFrames ? std::min<double>(wanted, kMaxSampledFrames) : kMinSampledFrames;
  const int num_frames = std::min(static_cast<int>(clamped), total_frames);
  std::vector<int> indices(num_frames);
  const double last = total_frames - 1;
  const double step = num_frames > 1 ? last / (num_frames - 1) : 0.0;
  for (int i = 0; i < num_frames; ++i) indices[i] = static_cast<int>(RoundHalfEven(i * step));
  if (num_frames > 1) indices.back() = total_frames - 1;
  return indices;
}

std::vector<double> FrameTimestamps(std::span<const int> indices, double source_fps, int temporal) {
  if (indices.empty() || temporal < 1) return {};
  if (!(source_fps > 0.0)) source_fps = kUnknownFps;
  std::vector<double> seconds;
  for (std::size_t first = 0; first < indices.size(); first += temporal) {
    const std::size_t last = std::min(first + temporal, indices.size()) - 1;
    seconds.push_back((indices[first] / source_fps + indices[last] / source_fps) / 2.0);
  }
  return seconds;
}

}  // namespace thimble
