// SPDX-License-Identifier: Apache-2.0
// Any bytes through the picture decoders and, where they give a picture, through the processor. The only legal
// outcomes are an error or patches.

#include "image/decode.h"
#include "image/preprocess.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::int64_t kMaxPixels = 1 << 18;  // small, so that time goes into headers and entropy coding
  // Odd sizes as conversations read them: white under what is transparent, large JPEGs made smaller.
  thimble::DecodeOptions options{kMaxPixels};
  if (size % 2 == 1) {
    options.alpha = thimble::Alpha::kWhite;
    options.max_pixels = 1 << 12;
    options.max_jpeg_pixels = kMaxPixels;
  }
  const auto image = thimble::DecodeImage(std::as_bytes(std::span(bytes, size)), options);
  if (!image.ok()) {
    if (image.error().message.empty()) std::abort();
    return 0;
  }
  if (std::int64_t{image.value().width} * image.value().height > options.max_pixels) std::abort();
  const auto patches = thimble::PatchifyImage(image.value(), {}, {1024, 16384});
  if (patches.ok() && patches.value().values.size() != static_cast<std::size_t>(patches.value().num_patches()) * 1536) {
    std::abort();
  }
  return 0;
}
