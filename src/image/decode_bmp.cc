// SPDX-License-Identifier: Apache-2.0
// BMP: 1, 4, 8, 16, 24 and 32 bits, run-length encoded 4 and 8 bits, bit masks, rows from the bottom or the top.
// Our own reader: the format is small, and no library for it is as widely there as those of the other formats.

#include "base/bytes.h"
#include "base/text.h"
#include "image/decode_codecs.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace thimble {
namespace {

// Compression.
constexpr std::uint32_t kPlain = 0;
constexpr std::uint32_t kRle8 = 1;
constexpr std::uint32_t kRle4 = 2;
constexpr std::uint32_t kBitFields = 3;
constexpr std::uint32_t kAlphaBitFields = 6;

constexpr std::uint32_t kFileHeaderBytes = 14;
constexpr std::uint32_t kCoreHeaderBytes = 12;
constexpr std::uint32_t kInfoHeaderBytes = 40;
constexpr std::uint32_t kHeaderWithAlphaBytes = 56;  // from here on a fourth mask stands inside

struct Header {
  std::uint32_t pixels_at = 0;  // offset in the file
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool is_top_down = false;
  int bits = 0;  // a pixel
  std::uint32_t compression = kPlain;
  std::array<std::uint32_t, 3> masks{};  // red, green, blue of 16 and 32 bits
  std::uint32_t alpha_mask = 0;          // 0: none
  std::array<Rgb, 256> palette{};        // entries the file lacks are black
};

Error Unsupported(std::string_view what, std::uint32_t found) {
  return Error{Code::kUnsupported, Cat("[bmp] ", what, ", found ", found, ": save the picture as PNG")};
}

// Width, height, bits and compression; the rest of the header is left to the caller.
Status ReadSizes(ByteReader* reader, std::uint32_t header_bytes, Header* header, std::uint32_t* num_colours) {
  if (header_bytes == kCoreHeaderBytes) {
    THIMBLE_ASSIGN_OR_RETURN(header->width, reader->Read<std::uint16_t>());
    THIMBLE_ASSIGN_OR_RETURN(header->height, reader->Read<std::uint16_t>());
  } else {
    THIMBLE_ASSIGN_OR_RETURN(header->width, reader->Read<std::int32_t>());
    THIMBLE_ASSIGN_OR_RETURN(header->height, reader->Read<std::int32_t>());
  }
  header->is_top_down = header->height < 0;
  if (header->is_top_down) header->height = -header->height;
  THIMBLE_RETURN_IF_ERROR(reader->Read<std::uint16_t>());  // planes
  THIMBLE_ASSIGN_OR_RETURN(header->bits, reader->Read<std::uint16_t>());
  if (header_bytes == kCoreHeaderBytes) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(header->compression, reader->Read<std::uint32_t>());
  THIMBLE_RETURN_IF_ERROR(reader->ReadBytes(12));  // bytes of pixels, resolution
  THIMBLE_ASSIGN_OR_RETURN(*num_colours, reader->Read<std::uint32_t>());
  THIMBLE_RETURN_IF_ERROR(reader->ReadBytes(4));  // important colours
  return Done{};
}

Status CheckKind(const Header& header) {
  const int bits = header.bits;
  if (bits != 1 && bits != 4 && bits != 8 && bits != 16 && bits != 24 && bits != 32) {
    return Unsupported("bits a pixel are 1, 4, 8, 16, 24 or 32", bits);
  }
  const bool has_masks = header.compression == kBitFields || header.compression == kAlphaBitFields;
  if (header.compression == kPlain || (has_masks && (bits == 16 || bits == 32))) return Done{};
  if ((header.compression == kRle8 && bits == 8) || (header.compression == kRle4 && bits == 4)) {
    if (header.is_top_down) return BrokenPicture("bmp", "run-length encoded rows go from the bottom up");
    return Done{};
  }
  return Unsupported(Cat("compression of ", bits, " bits a pixel is none, run lengths or bit masks"),
                     header.compression);
}

Status ReadMask(ByteReader* reader, std::uint32_t* mask) {
  THIMBLE_ASSIGN_OR_RETURN(*mask, reader->Read<std::uint32_t>());
  const std::uint64_t low = *mask == 0 ? 0 : *mask >> std::countr_zero(*mask);
  if (!std::has_single_bit(low + 1)) return Unsupported("a bit mask has no gaps", *mask);
  return Done{};
}

Status ReadMasks(ByteReader* reader, std::uint32_t header_bytes, Header* header) {
  if (header->compression != kPlain) {
    for (std::uint32_t& mask : header->masks) THIMBLE_RETURN_IF_ERROR(ReadMask(reader, &mask));
    const bool has_fourth = header->compression == kAlphaBitFields || header_bytes >= kHeaderWithAlphaBytes;
    // One with gaps says nothing; the colours are there without it.
    if (has_fourth && !ReadMask(reader, &header->alpha_mask).ok()) header->alpha_mask = 0;
  } else if (header->bits == 16) {
    header->masks = {0x7C00, 0x03E0, 0x001F};
  } else {
    header->masks = {0xFF0000, 0x00FF00, 0x0000FF};
  }
  return Done{};
}

Status ReadPalette(ByteReader* reader, std::uint32_t entry_bytes, std::uint32_t num_colours, Header* header) {
  const std::uint32_t most = 1U << header->bits;
  if (num_colours == 0 || num_colours > most) num_colours = most;
  for (std::uint32_t i = 0; i < num_colours; ++i) {
    // A palette may be shorter than it should be: then pixels follow where it would go on.
    if (reader->position() + entry_bytes > header->pixels_at) break;
    THIMBLE_ASSIGN_OR_RETURN(const auto entry, reader->ReadBytes(entry_bytes));
    for (std::size_t channel = 0; channel < 3; ++channel) {
      header->palette[i][channel] = static_cast<std::uint8_t>(entry[2 - channel]);
    }
  }
  return Done{};
}

Result<Header> ReadHeader(std::span<const std::byte> bytes) {
  ByteReader reader(bytes, "bmp");
  Header header;
  THIMBLE_RETURN_IF_ERROR(reader.ReadBytes(10));  // "BM", size of the file (often wrong), reserved
  THIMBLE_ASSIGN_OR_RETURN(header.pixels_at, reader.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto header_bytes, reader.Read<std::uint32_t>());
  switch (header_bytes) {
    case kCoreHeaderBytes:
    case kInfoHeaderBytes:
    case 52:
    case 56:
    case 64:
    case 108:
    case 124:
      break;
    default:
      return Unsupported("a header has 12, 40, 52, 56, 64, 108 or 124 bytes", header_bytes);
  }
  std::uint32_t num_colours = 0;
  THIMBLE_RETURN_IF_ERROR(ReadSizes(&reader, header_bytes, &header, &num_colours));
  THIMBLE_RETURN_IF_ERROR(CheckKind(header));
  // Masks end the small header or stand inside the larger ones, which is the same place.
  if (header.bits > 8) {
    THIMBLE_RETURN_IF_ERROR(ReadMasks(&reader, header_bytes, &header));
    return header;
  }
  const std::uint64_t palette_at = std::uint64_t{kFileHeaderBytes} + header_bytes;
  THIMBLE_RETURN_IF_ERROR(reader.ReadBytes(palette_at - reader.position()));
  THIMBLE_RETURN_IF_ERROR(ReadPalette(&reader, header_bytes == kCoreHeaderBytes ? 3 : 4, num_colours, &header));
  return header;
}

std::uint8_t* RowOf(const Header& header, std::int64_t stored_row, Image* image) {
  const std::int64_t y = header.is_top_down ? stored_row : header.height - 1 - stored_row;
  return image->rgb.data() + y * header.width * 3;
}

std::uint8_t MaskedChannel(std::uint32_t pixel, std::uint32_t mask) {
  if (mask == 0) return 0;
  const int shift = std::countr_zero(mask);
  return static_cast<std::uint8_t>(std::uint64_t{(pixel & mask) >> shift} * 255 / (mask >> shift));
}

void ExpandRow(const Header& header, const std::uint8_t* from, std::uint8_t* rgb) {
  for (std::int64_t x = 0; x < header.width; ++x, rgb += 3) {
    if (header.bits <= 8) {
      const std::int64_t bit = x * header.bits;
      const int index = from[bit / 8] >> (8 - header.bits - bit % 8) & ((1 << header.bits) - 1);
      std::memcpy(rgb, header.palette[index].data(), 3);
    } else if (header.bits == 24) {
      for (int channel = 0; channel < 3; ++channel) rgb[channel] = from[x * 3 + 2 - channel];
    } else {
      std::uint32_t pixel = 0;
      const std::size_t pixel_bytes = header.bits / 8;
      std::memcpy(&pixel, from + x * pixel_bytes, pixel_bytes);
      for (int channel = 0; channel < 3; ++channel) rgb[channel] = MaskedChannel(pixel, header.masks[channel]);
    }
  }
}

// Stored bytes of a row, which ends on four bytes.
std::int64_t RowBytes(const Header& header) { return (header.width * header.bits + 31) / 32 * 4; }

// `bytes` holds all rows.
void ReadPlain(std::span<const std::byte> bytes, const Header& header, Image* image) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
  for (std::int64_t row = 0; row < header.height; ++row) {
    ExpandRow(header, from + row * RowBytes(header), RowOf(header, row, image));
  }
}

// White under what the alpha mask says is transparent. Many programs write zeros there and mean nothing by it: a
// picture that would not be seen at all is left as it is.
void PutOnWhite(std::span<const std::byte> bytes, const Header& header, Image* image) {
  if (header.alpha_mask == 0) return;
  const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const std::size_t pixel_bytes = header.bits / 8;
  const auto alpha_at = [&](std::int64_t row, std::int64_t x) {
    std::uint32_t pixel = 0;
    std::memcpy(&pixel, from + row * RowBytes(header) + x * static_cast<std::int64_t>(pixel_bytes), pixel_bytes);
    return MaskedChannel(pixel, header.alpha_mask);
  };
  bool is_seen = false;
  for (std::int64_t row = 0; row < header.height && !is_seen; ++row) {
    for (std::int64_t x = 0; x < header.width && !is_seen; ++x) is_seen = alpha_at(row, x) != 0;
  }
  for (std::int64_t row = 0; row < header.height && is_seen; ++row) {
    std::uint8_t* rgb = RowOf(header, row, image);
    for (std::int64_t x = 0; x < header.width; ++x, rgb += 3) {
      const std::uint8_t alpha = alpha_at(row, x);
      for (int channel = 0; channel < 3; ++channel) rgb[channel] = OverWhite(rgb[channel], alpha);
    }
  }
}

// Where the next run goes; pixels beyond the right edge are dropped.
class RunPainter {
 public:
  RunPainter(const Header& header, Image* image) : header_(header), image_(image) {}

  void Paint(int index) {
    if (x_ < header_.width) std::memcpy(RowOf(header_, row_, image_) + x_ * 3, header_.palette[index].data(), 3);
    ++x_;
  }
  void EndRow() { x_ = 0, ++row_; }
  void Skip(int right, int up) { x_ += right, row_ += up; }
  [[nodiscard]] bool IsFull() const { return row_ >= header_.height; }

 private:
  const Header& header_;
  Image* image_;
  std::int64_t x_ = 0;
  std::int64_t row_ = 0;
};

// Pixels that the runs skip have entry 0.
Status ReadRuns(std::span<const std::byte> bytes, const Header& header, Image* image) {
  for (std::size_t at = 0; at < image->rgb.size(); at += 3) {
    std::memcpy(&image->rgb[at], header.palette[0].data(), 3);
  }
  const bool is_rle4 = header.compression == kRle4;
  const auto index_of = [&](std::uint8_t packed, int pixel) {
    if (!is_rle4) return static_cast<int>(packed);
    return pixel % 2 == 0 ? packed >> 4 : packed & 15;
  };
  ByteReader reader(bytes, "bmp");
  RunPainter painter(header, image);
  while (!painter.IsFull()) {
    THIMBLE_ASSIGN_OR_RETURN(const int count, reader.Read<std::uint8_t>());
    THIMBLE_ASSIGN_OR_RETURN(const std::uint8_t value, reader.Read<std::uint8_t>());
    if (count > 0) {
      for (int pixel = 0; pixel < count; ++pixel) painter.Paint(index_of(value, pixel));
    } else if (value == 0) {
      painter.EndRow();
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      THIMBLE_ASSIGN_OR_RETURN(const int right, reader.Read<std::uint8_t>());
      THIMBLE_ASSIGN_OR_RETURN(const int up, reader.Read<std::uint8_t>());
      painter.Skip(right, up);
    } else {
      const int num_bytes = is_rle4 ? (value + 1) / 2 : value;
      THIMBLE_ASSIGN_OR_RETURN(const auto pixels, reader.ReadBytes(num_bytes + num_bytes % 2));
      for (int pixel = 0; pixel < value; ++pixel) {
        painter.Paint(index_of(static_cast<std::uint8_t>(pixels[is_rle4 ? pixel / 2 : pixel]), pixel));
      }
    }
  }
  return Done{};
}

}  // namespace

Result<Image> DecodeBmp(std::span<const std::byte> bytes, const DecodeOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(const Header header, ReadHeader(bytes));
  THIMBLE_RETURN_IF_ERROR(CheckDecodedSize("bmp", header.width, header.height, options));
  const bool is_plain = header.compression != kRle8 && header.compression != kRle4;
  // Divided, not multiplied: sides are only known to be below 2^31.
  const auto num_stored = static_cast<std::int64_t>(bytes.size()) - header.pixels_at;
  if (num_stored < 0 || (is_plain && num_stored / RowBytes(header) < header.height)) {
    return BrokenPicture("bmp", Cat(header.height, " rows of ", RowBytes(header), " bytes do not fit in the file"));
  }
  THIMBLE_ASSIGN_OR_RETURN(Image image, AllocateDecoded("bmp", header.width, header.height, options));
  const auto pixels = bytes.subspan(header.pixels_at);
  if (is_plain) {
    ReadPlain(pixels, header, &image);
    if (options.alpha == Alpha::kWhite) PutOnWhite(pixels, header, &image);
  } else {
    THIMBLE_RETURN_IF_ERROR(ReadRuns(pixels, header, &image));
  }
  return image;
}

}  // namespace thimble
