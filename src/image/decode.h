// SPDX-License-Identifier: Apache-2.0
// Picture files -> pixels: PNG, JPEG, WebP, GIF (first frame), BMP, HEIC where libheif is there. Recognised by their
// bytes, not by name. Pixels as the reference sees them: EXIF orientation applied, alpha dropped (not blended),
// palettes expanded, colours that a PNG's tRNS makes transparent white, 16-bit gray clipped at 255. Or, with
// Alpha::kWhite, as a person sees them on a white page, and, with max_jpeg_pixels, JPEGs that are too large made
// smaller.
#pragma once

#include "base/result.h"
#include "image/image.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace thimble {

enum class Alpha {
  kDrop,   // colours as they are stored, whatever their opacity: the reference's way
  kWhite,  // white under what is transparent
};

// What conversations set max_jpeg_pixels to: stitched panoramas and the largest sensors.
inline constexpr std::int64_t kLargestJpeg = 400'000'000;

struct DecodeOptions {
  std::int64_t max_pixels = 100'000'000;  // checked against the header before pixels are allocated
  Alpha alpha = Alpha::kDrop;
  // JPEGs of more than max_pixels, but at most so many, are decoded at 1/2, 1/4 or 1/8 of their sides: the largest that
  // has max_pixels or fewer. 0: they are refused as all others are, the reference's way.
  std::int64_t max_jpeg_pixels = 0;
};

// kUnsupported for an unknown format, kCorrupt for broken files, kExhausted above the limit.
Result<Image> DecodeImage(std::span<const std::byte> bytes, const DecodeOptions& options);
// The same for a file; messages name it.
Result<Image> DecodeImageFile(const std::string& path, const DecodeOptions& options);

}  // namespace thimble
