// SPDX-License-Identifier: Apache-2.0
// EXIF is a TIFF directory: byte order, offset of the first directory, entries of twelve bytes.

#include "image/exif.h"

#include "image/allocate.h"

#include <cstdint>
#include <cstring>
#include <utility>

namespace thimble {
namespace {

constexpr int kAsStored = 1;

// Reads of either byte order inside a TIFF block; offsets outside it read as zero, which no rule below accepts.
class TiffBlock {
 public:
  explicit TiffBlock(std::span<const std::byte> bytes) : bytes_(bytes), is_big_endian_(At(0) == 'M') {}

  [[nodiscard]] std::uint32_t At(std::uint64_t offset) const {
    return offset < bytes_.size() ? static_cast<std::uint32_t>(bytes_[static_cast<std::size_t>(offset)]) : 0;
  }
  [[nodiscard]] std::uint32_t U16(std::uint64_t offset) const {
    const std::uint32_t first = At(offset);
    const std::uint32_t second = At(offset + 1);
    return is_big_endian_ ? first << 8 | second : second << 8 | first;
  }
  [[nodiscard]] std::uint32_t U32(std::uint64_t offset) const {
    const std::uint32_t first = U16(offset);
    const std::uint32_t second = U16(offset + 2);
    return is_big_endian_ ? first << 16 | second : second << 16 | first;
  }
  [[nodiscard]] bool HasSignature() const { return At(0) == At(1) && (At(0) == 'I' || At(0) == 'M') && U16(2) == 42; }
  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  bool is_big_endian_;
};

}  // namespace

int ExifOrientation(std::span<const std::byte> exif) {
  constexpr char kPrefix[] = {'E', 'x', 'i', 'f', 0, 0};
  constexpr std::uint32_t kOrientationTag = 0x0112;
  constexpr std::uint32_t kTypeShort = 3;
  constexpr std::uint32_t kTypeLong = 4;
  constexpr std::uint64_t kEntryBytes = 12;
  if (exif.size() >= sizeof(kPrefix) && std::memcmp(exif.data(), kPrefix, sizeof(kPrefix)) == 0) {
    exif = exif.subspan(sizeof(kPrefix));
  }
  const TiffBlock block(exif);
  if (!block.HasSignature()) return kAsStored;
  const std::uint64_t directory = block.U32(4);
  const std::uint32_t num_entries = block.U16(directory);
  for (std::uint32_t entry = 0; entry < num_entries; ++entry) {
    const std::uint64_t at = directory + 2 + entry * kEntryBytes;
    if (at + kEntryBytes > block.size()) break;
    if (block.U16(at) != kOrientationTag) continue;
    const std::uint32_t type = block.U16(at + 2);
    std::uint32_t value = 0;
    if (type == kTypeShort) value = block.U16(at + 8);
    if (type == kTypeLong) value = block.U32(at + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : kAsStored;
  }
  return kAsStored;
}

Result<Image> ApplyOrientation(Image image, int orientation) {
  if (orientation <= kAsStored || orientation > 8) return image;
  const bool swaps_sides = orientation >= 5;
  THIMBLE_ASSIGN_OR_RETURN(
      Image turned, swaps_sides ? AllocateImage(image.height, image.width) : AllocateImage(image.width, image.height));
  // Every orientation walks the stored pixels from one corner with two fixed steps.
  const bool starts_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool starts_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(image.width) * 3;
  std::ptrdiff_t along_width = starts_right ? -3 : 3;
  std::ptrdiff_t along_height = starts_bottom ? -row : row;
  const std::uint8_t* const corner =
      image.rgb.data() + (starts_right ? row - 3 : 0) + (starts_bottom ? (image.height - 1) * row : 0);
  const std::ptrdiff_t step_x = swaps_sides ? along_height : along_width;
  const std::ptrdiff_t step_y = swaps_sides ? along_width : along_height;
  std::uint8_t* to = turned.rgb.data();
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x, to += 3) std::memcpy(to, corner + y * step_y + x * step_x, 3);
  }
  return turned;
}

}  // namespace thimble
