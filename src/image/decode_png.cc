// SPDX-License-Identifier: Apache-2.0
// PNG through libpng: every colour type and depth, interlaced or not, as 8-bit RGB.
// libpng leaves through longjmp, so the functions that call it hold nothing that needs a destructor.

#include "base/text.h"
#include "image/decode_codecs.h"
#include "image/exif.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace thimble {
namespace {

struct PngReader {
  explicit PngReader(std::span<const std::byte> file) : bytes(file) {}
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::byte> bytes;
  std::size_t position = 0;
  char message[160] = "libpng has no memory";

  // From the header, before any transformation.
  png_uint_32 width = 0;
  png_uint_32 height = 0;
  int depth = 0;
  int colour_type = 0;
  bool has_key = false;  // one transparent colour, as it looks at 8 bits
  png_byte key[3] = {};

  bool has_trns = false;     // transparent colours or palette entries
  png_bytep rgba = nullptr;  // for ReadOverWhite: a row of four bytes a pixel, all rows of interlaced files

  [[nodiscard]] bool IsGray16() const { return colour_type == PNG_COLOR_TYPE_GRAY && depth == 16; }
};

[[noreturn]] void OnError(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader->message, sizeof(reader->message), "%s", message);
  png_longjmp(png, 1);
}

void OnWarning(png_structp /*png*/, png_const_charp /*message*/) {}

void OnRead(png_structp png, png_bytep out, std::size_t size) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (reader->bytes.size() - reader->position < size) png_error(png, "the file ends early");
  std::memcpy(out, reader->bytes.data() + reader->position, size);
  reader->position += size;
}

// The reference compares the key with 8-bit colours. Of a palette it knows only the plain case, one transparent entry
// and no half-transparent ones, and of gray below or above 8 bits it compares the unscaled key, which only black meets.
void ReadKey(PngReader* reader) {
  png_bytep alphas = nullptr;
  png_color_16p colour = nullptr;
  int num_alphas = 0;
  if (png_get_tRNS(reader->png, reader->info, &alphas, &num_alphas, &colour) == 0) return;
  if (reader->colour_type == PNG_COLOR_TYPE_PALETTE) {
    png_colorp palette = nullptr;
    int num_colours = 0;
    int transparent = -1;
    for (int i = 0; i < num_alphas; ++i) {
      if (alphas[i] == 255) continue;
      if (alphas[i] != 0 || transparent >= 0) return;
      transparent = i;
    }
    if (transparent < 0 || png_get_PLTE(reader->png, reader->info, &palette, &num_colours) == 0) return;
    if (transparent >= num_colours) return;
    reader->key[0] = palette[transparent].red;
    reader->key[1] = palette[transparent].green;
    reader->key[2] = palette[transparent].blue;
    reader->has_key = true;
  } else if (reader->colour_type == PNG_COLOR_TYPE_GRAY) {
    if (reader->depth != 8 && colour->gray != 0) return;
    std::memset(reader->key, std::min<int>(colour->gray, 255), 3);
    reader->has_key = true;
  } else if (reader->colour_type == PNG_COLOR_TYPE_RGB) {
    reader->key[0] = static_cast<png_byte>(std::min<int>(colour->red, 255));
    reader->key[1] = static_cast<png_byte>(std::min<int>(colour->green, 255));
    reader->key[2] = static_cast<png_byte>(std::min<int>(colour->blue, 255));
    reader->has_key = true;
  }
}

bool ReadHeader(PngReader* reader) {
  reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, OnError, OnWarning);
  if (reader->png == nullptr) return false;
  if (setjmp(png_jmpbuf(reader->png)) != 0) return false;
  reader->info = png_create_info_struct(reader->png);
  if (reader->info == nullptr) return false;
  png_set_read_fn(reader->png, reader, OnRead);
  // Sides are bounded by our own limit, whose message helps; text and profiles by libpng's default of 8 MB a chunk.
  png_set_user_limits(reader->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(reader->png, reader->info);
  png_get_IHDR(reader->png, reader->info, &reader->width, &reader->height, &reader->depth, &reader->colour_type,
               nullptr, nullptr, nullptr);
  reader->has_trns = png_get_valid(reader->png, reader->info, PNG_INFO_tRNS) != 0;
  ReadKey(reader);
  return true;
}

// `pixels` has 3 bytes a pixel. 16-bit gray is left as two bytes a pixel at the front of each row.
bool ReadPixels(PngReader* reader, png_bytep pixels) {
  if (setjmp(png_jmpbuf(reader->png)) != 0) return false;
  if (!reader->IsGray16()) {
    if (reader->colour_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(reader->png);
    if (reader->colour_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(reader->png);
    png_set_strip_16(reader->png);
    png_set_strip_alpha(reader->png);
    png_set_gray_to_rgb(reader->png);
  }
  const int num_passes = png_set_interlace_handling(reader->png);
  png_read_update_info(reader->png, reader->info);
  const std::size_t bytes_per_pixel = reader->IsGray16() ? 2 : 3;
  if (png_get_rowbytes(reader->png, reader->info) != reader->width * bytes_per_pixel) {
    png_error(reader->png, "rows have an unexpected size");
  }
  const std::size_t row_bytes = std::size_t{3} * reader->width;
  for (int pass = 0; pass < num_passes; ++pass) {
    for (std::size_t y = 0; y < reader->height; ++y) png_read_row(reader->png, pixels + y * row_bytes, nullptr);
  }
  png_read_end(reader->png, nullptr);
  return true;
}

// As ReadPixels, but with white under what is transparent.
bool ReadOverWhite(PngReader* reader, png_bytep pixels) {
  if (setjmp(png_jmpbuf(reader->png)) != 0) return false;
  png_set_expand(reader->png);  // palettes, few bits and transparent colours to whole channels and alpha
  png_set_strip_16(reader->png);
  png_set_gray_to_rgb(reader->png);
  png_set_add_alpha(reader->png, 255, PNG_FILLER_AFTER);
  const int num_passes = png_set_interlace_handling(reader->png);
  png_read_update_info(reader->png, reader->info);
  const std::size_t row_bytes = std::size_t{4} * reader->width;
  if (png_get_rowbytes(reader->png, reader->info) != row_bytes) png_error(reader->png, "rows have an unexpected size");
  const std::size_t stride = num_passes > 1 ? row_bytes : 0;
  for (int pass = 0; pass < num_passes; ++pass) {
    for (std::size_t y = 0; y < reader->height; ++y) {
      png_read_row(reader->png, reader->rgba + y * stride, nullptr);
      if (pass + 1 < num_passes) continue;
      RowOverWhite(reader->rgba + y * stride, reader->width, pixels + y * reader->width * 3);
    }
  }
  png_read_end(reader->png, nullptr);
  return true;
}

// Big-endian 16-bit gray to RGB in place, from the right because pixels grow. Clipped at 255, as the reference does.
void ExpandGray16(Image* image) {
  for (int y = 0; y < image->height; ++y) {
    std::uint8_t* row = image->rgb.data() + static_cast<std::size_t>(y) * image->width * 3;
    for (std::ptrdiff_t x = image->width - 1; x >= 0; --x) {
      std::memset(row + x * 3, row[x * 2] != 0 ? 255 : row[x * 2 + 1], 3);
    }
  }
}

// The payload of the eXIf chunk, empty if there is none. Read here because it may follow the pixels, and because old
// libpng does not know it.
std::span<const std::byte> FindExif(std::span<const std::byte> bytes) {
  constexpr std::size_t kFrameBytes = 12;  // length, type, checksum
  std::size_t at = 8;
  while (bytes.size() >= kFrameBytes && at <= bytes.size() - kFrameBytes) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<std::size_t>(bytes[at + i]);
    if (length > bytes.size() - kFrameBytes - at) break;
    if (std::memcmp(bytes.data() + at + 4, "eXIf", 4) == 0) return bytes.subspan(at + 8, length);
    at += kFrameBytes + length;
  }
  return {};
}

}  // namespace

Result<Image> DecodePng(std::span<const std::byte> bytes, const DecodeOptions& options) {
  PngReader reader(bytes);
  if (!ReadHeader(&reader)) return BrokenPicture("png", reader.message);
  THIMBLE_ASSIGN_OR_RETURN(Image image, AllocateDecoded("png", reader.width, reader.height, options));
  const bool has_alpha = (reader.colour_type & PNG_COLOR_MASK_ALPHA) != 0 || reader.has_trns;
  if (options.alpha == Alpha::kWhite && has_alpha) {
    const bool is_interlaced = png_get_interlace_type(reader.png, reader.info) != PNG_INTERLACE_NONE;
    std::vector<png_byte> rows(std::size_t{4} * reader.width * (is_interlaced ? reader.height : 1));
    reader.rgba = rows.data();
    if (!ReadOverWhite(&reader, image.rgb.data())) return BrokenPicture("png", reader.message);
    return ApplyOrientation(std::move(image), ExifOrientation(FindExif(bytes)));
  }
  if (!ReadPixels(&reader, image.rgb.data())) return BrokenPicture("png", reader.message);
  if (reader.IsGray16()) ExpandGray16(&image);
  if (reader.has_key) WhitenColour(Rgb{reader.key[0], reader.key[1], reader.key[2]}, &image);
  return ApplyOrientation(std::move(image), ExifOrientation(FindExif(bytes)));
}

}  // namespace thimble
