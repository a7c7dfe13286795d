// SPDX-License-Identifier: Apache-2.0
#include "engine/picture.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace thimble {

namespace {

constexpr std::int64_t kLowTokens = 256;
constexpr std::int64_t kAutoTokens = 1024;
// Less than this shows nothing; a picture gets it even where it is more than its share.
constexpr std::int64_t kLeastTokens = 64;

void AddNumber(std::uint64_t number, Sha256* hash) {
  std::array<std::byte, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(number >> (8 * i));
  hash->Add(bytes);
}

void AddImage(const Image& image, Sha256* hash) {
  AddNumber(static_cast<std::uint64_t>(image.width), hash);
  AddNumber(static_cast<std::uint64_t>(image.height), hash);
  hash->AddInStreams(std::as_bytes(std::span(image.rgb)));
}

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

Digest128 DigestOf(const Picture& picture) {
  if (picture.digest.has_value()) return *picture.digest;
  Sha256 hash;
  AddNumber(picture.frames.size(), &hash);
  if (!picture.is_video()) AddImage(picture.image, &hash);
  for (const Image& frame : picture.frames) AddImage(frame, &hash);
  return hash.Finish128();
}

void KeepDigest(Picture* picture) { picture->digest = DigestOf(*picture); }

}  // namespace thimble
