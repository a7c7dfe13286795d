// SPDX-License-Identifier: Apache-2.0
// WebP through libwebp: lossy, lossless, and the first frame of an animation. Alpha is dropped, or put on white.
// The RIFF container is walked here, which spares the demuxer library for two chunk types.

#include "base/bytes.h"
#include "base/text.h"
#include "image/decode_codecs.h"
#include "image/exif.h"

#include <webp/decode.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace thimble {
namespace {

constexpr std::size_t kRiffHeaderBytes = 12;

const std::uint8_t* Unsigned(std::span<const std::byte> bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

// The file without what follows its RIFF container; an error when the container is cut.
Result<std::span<const std::byte>> RiffOf(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "webp");
  THIMBLE_RETURN_IF_ERROR(reader.ReadBytes(4));
  THIMBLE_ASSIGN_OR_RETURN(const auto size, reader.Read<std::uint32_t>());
  THIMBLE_RETURN_IF_ERROR(reader.ReadBytes(size));
  if (size < kRiffHeaderBytes - 8) return BrokenPicture("webp", "RIFF container is too small");
  return bytes.first(std::size_t{size} + 8);
}

// The payload of the first chunk of that type, empty if there is none.
std::span<const std::byte> FindChunk(std::span<const std::byte> riff, const char* type) {
  std::size_t at = kRiffHeaderBytes;
  while (at + 8 <= riff.size()) {
    std::uint32_t size = 0;
    std::memcpy(&size, riff.data() + at + 4, 4);
    const std::size_t left = riff.size() - at - 8;
    if (size > left) break;
    if (std::memcmp(riff.data() + at, type, 4) == 0) return riff.subspan(at + 8, size);
    at += 8 + std::min<std::size_t>(left, std::size_t{size} + size % 2);
  }
  return {};
}

Result<WebPBitstreamFeatures> FeaturesOf(std::span<const std::byte> bytes) {
  WebPBitstreamFeatures features;
  switch (WebPGetFeatures(Unsigned(bytes), bytes.size(), &features)) {
    case VP8_STATUS_OK:
      return features;
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return Error{Code::kUnsupported, "[webp] this kind of WebP is not read: save it again as PNG or JPEG"};
    default:
      return BrokenPicture("webp", "its header is not valid");
  }
}

// As DecodeInto, with white under what is transparent.
Status DecodeOverWhite(std::span<const std::byte> bytes, const WebPBitstreamFeatures& features, int left, int top,
                       Image* image) {
  const std::size_t row_bytes = static_cast<std::size_t>(features.width) * 4;
  std::vector<std::uint8_t> rgba(row_bytes * static_cast<std::size_t>(features.height));
  if (WebPDecodeRGBAInto(Unsigned(bytes), bytes.size(), rgba.data(), rgba.size(), static_cast<int>(row_bytes)) ==
      nullptr)
    return BrokenPicture("webp", "its pixels are not valid");
  for (std::size_t y = 0; y < static_cast<std::size_t>(features.height); ++y) {
    const std::size_t at =
        (static_cast<std::size_t>(top) + y) * static_cast<std::size_t>(image->width) + static_cast<std::size_t>(left);
    RowOverWhite(rgba.data() + y * row_bytes, static_cast<std::size_t>(features.width), image->rgb.data() + at * 3);
  }
  return Done{};
}

// One bitstream into the pixels of `image` whose top left corner is at (left, top); it must fit.
Status DecodeInto(std::span<const std::byte> bytes, const WebPBitstreamFeatures& features, Alpha alpha, int left,
                  int top, Image* image) {
  if (alpha == Alpha::kWhite && features.has_alpha != 0) return DecodeOverWhite(bytes, features, left, top, image);
  const std::size_t stride = static_cast<std::size_t>(image->width) * 3;
  const std::size_t first = top * stride + static_cast<std::size_t>(left) * 3;
  if (WebPDecodeRGBInto(Unsigned(bytes), bytes.size(), image->rgb.data() + first, image->rgb.size() - first,
                        static_cast<int>(stride)) == nullptr) {
    return BrokenPicture("webp", "its pixels are not valid");
  }
  return Done{};
}

// The first frame on its canvas: black, which is what remains of a transparent one without its alpha, or white.
Status DecodeFirstFrame(std::span<const std::byte> riff, Alpha alpha, Image* image) {
  if (alpha == Alpha::kWhite) std::fill(image->rgb.begin(), image->rgb.end(), std::uint8_t{255});
  constexpr std::size_t kFrameHeaderBytes = 16;
  const auto frame = FindChunk(riff, "ANMF");
  if (frame.size() <= kFrameHeaderBytes) return BrokenPicture("webp", "an animation without frames");
  const auto u24 = [&](std::size_t at) {
    return static_cast<int>(frame[at]) | static_cast<int>(frame[at + 1]) << 8 | static_cast<int>(frame[at + 2]) << 16;
  };
  const int left = u24(0) * 2;
  const int top = u24(3) * 2;
  const auto bitstream = frame.subspan(kFrameHeaderBytes);
  THIMBLE_ASSIGN_OR_RETURN(const auto features, FeaturesOf(bitstream));
  if (features.width != u24(6) + 1 || features.height != u24(9) + 1 || features.width > image->width - left ||
      features.height > image->height - top) {
    return BrokenPicture("webp", "a frame does not fit its canvas");
  }
  return DecodeInto(bitstream, features, alpha, left, top, image);
}

}  // namespace

Result<Image> DecodeWebp(std::span<const std::byte> bytes, const DecodeOptions& options) {
  // Row strides are int in libwebp.
  constexpr int kMaxWidth = 1 << 24;
  THIMBLE_ASSIGN_OR_RETURN(const auto riff, RiffOf(bytes));
  THIMBLE_ASSIGN_OR_RETURN(const auto features, FeaturesOf(riff));
  THIMBLE_ASSIGN_OR_RETURN(Image image, AllocateDecoded("webp", features.width, features.height, options));
  if (image.width > kMaxWidth) return BrokenPicture("webp", "its canvas is too wide");
  THIMBLE_RETURN_IF_ERROR(features.has_animation != 0 ? DecodeFirstFrame(riff, options.alpha, &image)
                                                      : DecodeInto(riff, features, options.alpha, 0, 0, &image));
  return ApplyOrientation(std::move(image), ExifOrientation(FindChunk(riff, "EXIF")));
}

}  // namespace thimble
