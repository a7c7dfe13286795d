// SPDX-License-Identifier: Apache-2.0
// ResizeBicubic: separable, antialiased, in the reference's fixed-point arithmetic (spec section 3.1). Both passes
// run one kernel that weighs neighbouring lanes, so that a compiler vectorises it without any help.

#include "base/text.h"
#include "image/allocate.h"
#include "image/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <vector>

namespace thimble {
namespace {

constexpr double kKeys = -0.5;
constexpr double kKernelRadius = 2.0;
constexpr int kMaxPrecision = 22;
constexpr double kWeightEnd = 32768.0;  // weights are int16

double KeysCubic(double x) {
  x = std::abs(x);
  if (x < 1.0) return ((kKeys + 2.0) * x - (kKeys + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kKeys;
  return 0.0;
}

// Which inputs make which output along one axis, and with what integer weights.
class Axis {
 public:
  Axis(int in_size, int out_size);

  struct Taps {
    int first;  // input of the first weight
    std::span<const std::int16_t> weights;
  };
  [[nodiscard]] Taps TapsOf(int out) const {
    return {first_[out], std::span(weights_).subspan(static_cast<std::size_t>(out) * max_taps_, num_taps_[out])};
  }
  [[nodiscard]] int precision() const { return precision_; }

 private:
  std::size_t max_taps_ = 0;
  int precision_ = 0;  // weights are scaled by 2^precision
  std::vector<int> first_;
  std::vector<std::size_t> num_taps_;
  std::vector<std::int16_t> weights_;  // [out_size, max_taps]
};

Axis::Axis(int in_size, int out_size) {
  const double scale = static_cast<double>(in_size) / out_size;
  const double stretch = std::max(scale, 1.0);
  const double support = kKernelRadius * stretch;
  max_taps_ = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
  first_.resize(out_size);
  num_taps_.resize(out_size);
  weights_.resize(out_size * max_taps_);

  // Two sweeps, because the precision follows from the largest weight of all; the weights themselves are cheap.
  std::vector<double> exact(max_taps_);
  const auto weigh = [&](int out) {
    // Halves are added and the sum cut off, not rounded, because the reference does that too.
    const double centre = scale * (out + 0.5);
    // NOLINTBEGIN(bugprone-incorrect-roundings)
    const auto first = std::max(static_cast<std::int64_t>(centre - support + 0.5), std::int64_t{0});
    const auto end = std::min(static_cast<std::int64_t>(centre + support + 0.5), std::int64_t{in_size});
    // NOLINTEND(bugprone-incorrect-roundings)
    const auto count = std::min(static_cast<std::size_t>(std::max(end - first, std::int64_t{0})), max_taps_);
    double sum = 0.0;
    for (std::size_t tap = 0; tap < count; ++tap) {
      exact[tap] = KeysCubic((static_cast<double>(tap) + static_cast<double>(first) - centre + 0.5) / stretch);
      sum += exact[tap];
    }
    for (std::size_t tap = 0; tap < count; ++tap) exact[tap] /= sum;
    first_[out] = static_cast<int>(first);
    num_taps_[out] = count;
  };

  double largest = 0.0;
  for (int out = 0; out < out_size; ++out) {
    weigh(out);
    for (std::size_t tap = 0; tap < num_taps_[out]; ++tap) largest = std::max(largest, exact[tap]);
  }
  while (precision_ < kMaxPrecision && std::floor(std::ldexp(largest, precision_ + 1) + 0.5) < kWeightEnd) ++precision_;
  for (int out = 0; out < out_size; ++out) {
    weigh(out);
    for (std::size_t tap = 0; tap < num_taps_[out]; ++tap) {
      weights_[out * max_taps_ + tap] = static_cast<std::int16_t>(std::round(std::ldexp(exact[tap], precision_)));
    }
  }
}

// out[lane] = the weighted sum of first[lane], first[lane + stride], ... as an 8-bit pixel. The sum fits: absolute
// weights add up to less than 1.5 * 2^22, times 255.
template <int kLanes>
void WeighLanes(const std::uint8_t* first, std::ptrdiff_t stride, std::span<const std::int16_t> weights, int precision,
                std::uint8_t* out) {
  std::array<std::int32_t, kLanes> sums;
  sums.fill(1 << (precision - 1));
  for (const std::int32_t weight : weights) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += weight * first[lane];
    first += stride;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    out[lane] = static_cast<std::uint8_t>(std::clamp(sums[lane] >> precision, 0, 255));
  }
}

// Interleaved pixels do not vectorise along a row, so eight rows are turned into one column of 24 lanes a pixel.
constexpr int kTileRows = 8;
constexpr int kTileLanes = kTileRows * 3;

Result<Image> ResizeWidth(const Image& in, int out_width) {
  THIMBLE_ASSIGN_OR_RETURN(Image out, AllocateImage(out_width, in.height));
  const Axis axis(in.width, out_width);
  const std::size_t in_row = static_cast<std::size_t>(in.width) * 3;
  const std::size_t out_row = static_cast<std::size_t>(out_width) * 3;
  std::vector<std::uint8_t> tile(static_cast<std::size_t>(in.width) * kTileLanes);  // [in.width, kTileRows, 3]
  std::array<std::uint8_t, kTileLanes> pixels{};
  for (int top = 0; top < in.height; top += kTileRows) {
    const int num_rows = std::min(kTileRows, in.height - top);
    for (int row = 0; row < num_rows; ++row) {
      const std::uint8_t* from = in.rgb.data() + (top + row) * in_row;
      std::uint8_t* to = tile.data() + std::ptrdiff_t{row} * 3;
      for (int x = 0; x < in.width; ++x, from += 3, to += kTileLanes) std::memcpy(to, from, 3);
    }
    std::uint8_t* to = out.rgb.data() + top * out_row;
    for (int x = 0; x < out_width; ++x, to += 3) {
      const Axis::Taps taps = axis.TapsOf(x);
      WeighLanes<kTileLanes>(tile.data() + static_cast<std::size_t>(taps.first) * kTileLanes, kTileLanes, taps.weights,
                             axis.precision(), pixels.data());
      for (std::size_t row = 0; row < static_cast<std::size_t>(num_rows); ++row) {
        std::memcpy(to + row * out_row, pixels.data() + row * 3, 3);
      }
    }
  }
  return out;
}

Result<Image> ResizeHeight(const Image& in, int out_height) {
  THIMBLE_ASSIGN_OR_RETURN(Image out, AllocateImage(in.width, out_height));
  const Axis axis(in.height, out_height);
  const std::ptrdiff_t row_bytes = static_cast<std::ptrdiff_t>(in.width) * 3;
  constexpr int kLanes = 32;
  for (int y = 0; y < out_height; ++y) {
    const Axis::Taps taps = axis.TapsOf(y);
    const std::uint8_t* const first = in.rgb.data() + taps.first * row_bytes;
    std::uint8_t* const to = out.rgb.data() + y * row_bytes;
    std::ptrdiff_t x = 0;
    for (; x + kLanes <= row_bytes; x += kLanes) {
      WeighLanes<kLanes>(first + x, row_bytes, taps.weights, axis.precision(), to + x);
    }
    for (; x < row_bytes; ++x) WeighLanes<1>(first + x, row_bytes, taps.weights, axis.precision(), to + x);
  }
  return out;
}

Result<Image> Resized(const Image& image, ImageSize size) {
  if (image.width == size.width) {
    if (image.height == size.height) return image;
    return ResizeHeight(image, size.height);
  }
  THIMBLE_ASSIGN_OR_RETURN(Image widened, ResizeWidth(image, size.width));
  if (image.height == size.height) return widened;
  return ResizeHeight(widened, size.height);
}

}  // namespace

Result<Image> ResizeBicubic(const Image& image, ImageSize size) {
  if (size.width <= 0 || size.height <= 0) {
    return Error{Code::kInvalid,
                 Cat("[image] a picture is resized to positive sides, found ", size.width, " x ", size.height)};
  }
  if (image.width <= 0 || image.height <= 0 ||
      image.rgb.size() != static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3) {
    return Error{Code::kInvalid, Cat("[image] a picture holds width x height x 3 bytes, found ", image.width, " x ",
                                     image.height, " with ", image.rgb.size(), " bytes")};
  }
#if defined(__cpp_exceptions)
  try {
    return Resized(image, size);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(image.rgb.size());
  }
#else
  return Resized(image, size);
#endif
}

}  // namespace thimble
