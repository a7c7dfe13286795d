// SPDX-License-Identifier: Apache-2.0
#include "engine/picture.h"

#include <algorithm>
#include <span>
#include <utility>

namespace thimble {

namespace {

constexpr std::int64_t kLowTokens = 256;
constexpr std::int64_t kAutoTokens = 1024;
// Less than this shows nothing; a picture gets it even where it is more than its share.
constexpr std::int64_t kLeastTokens = 64;

// Over 64-bit words, with a final mix: fast enough for megapixels, and only equality matters.
class Hash {
 public:
  void Add(std::uint64_t word) { state_ = (state_ ^ word) * 0x9E3779B97F4A7C15ull ^ (state_ >> 29); }
  void Add(std::span<const std::uint8_t> bytes) {
    std::size_t i = 0;
    for (; i + 8 <= bytes.size(); i += 8) {
      std::uint64_t word = 0;
      for (std::size_t j = 0; j < 8; ++j) word |= static_cast<std::uint64_t>(bytes[i + j]) << (8 * j);
      Add(word);
    }
    for (; i < bytes.size(); ++i) Add(bytes[i]);
  }
  void Add(const Image& image) {
    Add(static_cast<std::uint64_t>(image.width) << 32 | static_cast<std::uint32_t>(image.height));
    Add(std::span<const std::uint8_t>(image.rgb));
  }
  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t z = state_ ^ (state_ >> 31);
    z *= 0x94D049BB133111EBull;
    return z ^ (z >> 30);
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325ull;
};

std::int64_t Area(ImageSize size) { return static_cast<std::int64_t>(size.height) * size.width; }

// Very long pictures keep one block across where their area allows less: such a one becomes shorter.
void Shorten(std::int64_t block, std::int64_t most, ImageSize* size) {
  if (Area(*size) <= most) return;
  int* longer = size->height > size->width ? &size->height : &size->width;
  const int other = size->height > size->width ? size->width : size->height;
  *longer = static_cast<int>(std::max<std::int64_t>(1, most / other / block) * block);
}

}  // namespace

const char* DetailName(Detail detail) {
  switch (detail) {
    case Detail::kLow:
      return "low";
    case Detail::kAuto:
      return "auto";
    case Detail::kHigh:
      return "high";
    case Detail::kFile:
      break;
  }
  return "file";
}

Result<PictureReading> ChooseReading(ImageSize given, Detail detail, const PatchSizes& sizes, const PixelLimits& limits,
                                     std::int64_t tokens_before, std::int64_t context) {
  const std::int64_t block = static_cast<std::int64_t>(sizes.patch) * sizes.merge;
  PictureReading reading;
  reading.given = given;
  reading.detail = detail;
  reading.is_new = true;
  THIMBLE_ASSIGN_OR_RETURN(reading.read, SmartResize(given.height, given.width, sizes, limits));
  reading.tokens = Area(reading.read) / (block * block);
  if (detail == Detail::kFile) return reading;
  const std::int64_t budget = detail == Detail::kLow    ? kLowTokens
                              : detail == Detail::kAuto ? kAutoTokens
                                                        : reading.tokens;
  const std::int64_t share = std::max(kLeastTokens, (context - tokens_before) / 2);
  const std::int64_t most = std::min(budget, share);
  if (reading.tokens <= most) return reading;
  reading.is_reduced = true;
  reading.fills_its_share = share < budget;
  PixelLimits smaller = limits;
  smaller.max_pixels = most * block * block;
  smaller.min_pixels = std::min(smaller.min_pixels, smaller.max_pixels);
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(reading.read, SmartResize(given.height, given.width, sizes, smaller));
    Shorten(block, smaller.max_pixels, &reading.read);
    reading.tokens = Area(reading.read) / (block * block);
    // Whole blocks may leave less than the least: then the area grows until they do not.
    if (reading.tokens >= kLeastTokens || smaller.max_pixels >= 2 * kLeastTokens * block * block) return reading;
    smaller.max_pixels += block * block;
  }
}

void Settle(const PictureReading& reading, Picture* picture) {
  if (picture->is_video()) return;
  picture->read_size = reading.read;
  picture->digest = reading.digest;
  if (picture->image.width == reading.read.width && picture->image.height == reading.read.height) return;
  // A picture that is read larger than it is stays small.
  if (Area(reading.read) >= Area({picture->image.height, picture->image.width})) return;
  auto resized = ResizeBicubic(picture->image, reading.read);
  if (!resized.ok()) return;
  picture->given = reading.given;
  picture->image = std::move(resized).value();
}

std::uint64_t DigestOf(const Picture& picture) {
  if (picture.digest != 0) return picture.digest;
  Hash hash;
  hash.Add(picture.image);
  for (const Image& frame : picture.frames) hash.Add(frame);
  return std::max<std::uint64_t>(hash.value(), 1);
}

}  // namespace thimble
