// SPDX-License-Identifier: Apache-2.0
// What every decoder needs and no codec: builds without codecs have it for our own BMP.
#include "base/text.h"
#include "image/allocate.h"
#include "image/decode_codecs.h"

#include <cstring>
#include <limits>

namespace thimble {

Status CheckDecodedSize(std::string_view place, std::int64_t width, std::int64_t height, const DecodeOptions& options) {
  if (width < 1 || height < 1 || width > std::numeric_limits<int>::max() || height > std::numeric_limits<int>::max()) {
    return Error{Code::kCorrupt,
                 Cat("[", place, "] a picture has at least one pixel and at most 2^31 - 1 a side, found ", width, " x ",
                     height)};
  }
  const std::int64_t num_pixels = width * height;
  if (num_pixels <= options.max_pixels) return Done{};
  const bool is_for_jpeg = JpegDivisor(width, height, options) > 0;
  return Error{
      Code::kExhausted,
      Cat("[", place, "] a picture may have ", options.max_pixels, " pixels, found ", width, " x ", height, " = ",
          num_pixels, ": ", is_for_jpeg ? "save it as a JPEG, which may have more, or " : "", "make it smaller"),
      {{Advice::kRaiseImagePixels, num_pixels}}};
}

int JpegDivisor(std::int64_t width, std::int64_t height, const DecodeOptions& options) {
  constexpr std::int64_t kMostSide = 65'500;  // what libjpeg reads
  if (width < 1 || height < 1 || width > kMostSide || height > kMostSide) return 0;
  if (width * height <= options.max_pixels) return 1;
  if (width * height > options.max_jpeg_pixels) return 0;
  for (const int divisor : {2, 4, 8}) {
    if (((width + divisor - 1) / divisor) * ((height + divisor - 1) / divisor) <= options.max_pixels) return divisor;
  }
  return 0;
}

Result<Image> AllocateDecoded(std::string_view place, std::int64_t width, std::int64_t height,
                              const DecodeOptions& options) {
  THIMBLE_RETURN_IF_ERROR(CheckDecodedSize(place, width, height, options));
  return AllocateImage(static_cast<int>(width), static_cast<int>(height));
}

Error BrokenPicture(std::string_view place, std::string_view reason) {
  while (reason.ends_with('\n')) reason.remove_suffix(1);  // libheif's end so
  return Error{Code::kCorrupt, Cat("[", place, "] the picture cannot be decoded (", EscapeControls(reason),
                                   "): the file is truncated or damaged")};
}

void WhitenColour(const std::optional<Rgb>& colour, Image* image) {
  if (!colour.has_value()) return;
  for (std::size_t at = 0; at + 3 <= image->rgb.size(); at += 3) {
    if (std::memcmp(&image->rgb[at], colour->data(), 3) == 0) std::memset(&image->rgb[at], 255, 3);
  }
}

}  // namespace thimble
