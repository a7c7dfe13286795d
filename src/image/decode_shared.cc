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
  return Error{Code::kExhausted,
               Cat("[", place, "] a picture may have ", options.max_pixels, " pixels, found ", width, " x ", height,
                   " = ", num_pixels, ": make it smaller"),
               {{Advice::kRaiseImagePixels, num_pixels}}};
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
