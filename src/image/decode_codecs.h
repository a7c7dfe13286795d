// SPDX-License-Identifier: Apache-2.0
// What decode.cc and the decoders share: one function a format, and the check that runs before pixels are allocated.
#pragma once

#include "base/result.h"
#include "image/decode.h"
#include "image/image.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace thimble {

// Each decodes one picture of its format: kCorrupt for broken or truncated bytes, kUnsupported for kinds that are not
// read, kExhausted above the limits. The orientation of EXIF is applied already.
Result<Image> DecodePng(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> DecodeJpeg(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> DecodeWebp(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> DecodeGif(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> DecodeBmp(std::span<const std::byte> bytes, const DecodeOptions& options);
Result<Image> DecodeHeif(std::span<const std::byte> bytes, const DecodeOptions& options);

// A black picture of the size a header names, after the limit was checked. `place` is the format ("png").
Result<Image> AllocateDecoded(std::string_view place, std::int64_t width, std::int64_t height,
                              const DecodeOptions& options);
// By what the sides of a JPEG are divided: 1, or 2, 4 or 8 where it is too large as it is; 0: it cannot be read.
int JpegDivisor(std::int64_t width, std::int64_t height, const DecodeOptions& options);

// The check alone, for formats whose size can still grow.
Status CheckDecodedSize(std::string_view place, std::int64_t width, std::int64_t height, const DecodeOptions& options);

// "[png] the picture cannot be decoded (<reason>): ..." as kCorrupt.
Error BrokenPicture(std::string_view place, std::string_view reason);

// A colour of that opacity on a white page.
inline std::uint8_t OverWhite(std::uint8_t colour, std::uint8_t alpha) {
  return static_cast<std::uint8_t>((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}
// `count` pixels of four bytes, the fourth their opacity, to three bytes on a white page.
inline void RowOverWhite(const std::uint8_t* rgba, std::size_t count, std::uint8_t* rgb) {
  for (; count > 0; --count, rgba += 4, rgb += 3) {
    for (int channel = 0; channel < 3; ++channel) rgb[channel] = OverWhite(rgba[channel], rgba[3]);
  }
}

// PNG and GIF can name one colour that is transparent; the reference shows it as white wherever it occurs.
using Rgb = std::array<std::uint8_t, 3>;
void WhitenColour(const std::optional<Rgb>& colour, Image* image);

}  // namespace thimble
