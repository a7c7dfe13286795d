// SPDX-License-Identifier: Apache-2.0
// Recognises a picture by its first bytes and hands it to the decoder of its format.

#include "image/decode.h"

#include "base/text.h"
#include "image/allocate.h"
#include "image/decode_codecs.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <vector>

namespace thimble {
namespace {

// A picture file above this is no picture; it also bounds what a wrong path (a model, a device) can make us read.
constexpr std::size_t kMaxFileBytes = std::size_t{512} << 20;

bool HasBytes(std::span<const std::byte> bytes, std::size_t offset, std::string_view expected) {
  return bytes.size() >= offset + expected.size() &&
         std::memcmp(bytes.data() + offset, expected.data(), expected.size()) == 0;
}

using Decoder = Result<Image> (*)(std::span<const std::byte>, const DecodeOptions&);

// nullptr when no format is recognised.
Decoder FindDecoder(std::span<const std::byte> bytes) {
  if (HasBytes(bytes, 0, "\x89PNG\r\n\x1a\n")) return DecodePng;
  if (HasBytes(bytes, 0, "\xff\xd8\xff")) return DecodeJpeg;
  if (HasBytes(bytes, 0, "RIFF") && HasBytes(bytes, 8, "WEBP")) return DecodeWebp;
  if (HasBytes(bytes, 0, "GIF87a") || HasBytes(bytes, 0, "GIF89a")) return DecodeGif;
  if (HasBytes(bytes, 0, "BM")) return DecodeBmp;
  if (HasBytes(bytes, 4, "ftyp")) {
    for (const char* brand : {"heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1", "avif", "avis"}) {
      if (HasBytes(bytes, 8, brand)) return DecodeHeif;
    }
  }
  return nullptr;
}

Error UnknownFormat(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string found = bytes.empty() ? "nothing" : "bytes";
  for (const std::byte byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
    const auto value = static_cast<unsigned>(byte);
    found += Cat(" ", kDigits[value >> 4], kDigits[value & 15]);
  }
  return Error{Code::kUnsupported,
               Cat("[image] a picture is PNG, JPEG, WebP, GIF, BMP or HEIC, found ", found, ": convert it first")};
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Result<std::vector<std::byte>> ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kSystem;
    return Error{code, Cat("[image] the file cannot be opened: ", std::strerror(errno))};
  }
  constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
  std::vector<std::byte> bytes;
  while (true) {
    const std::size_t old_size = bytes.size();
    bytes.resize(old_size + kChunkBytes);
    const std::size_t num_read = std::fread(bytes.data() + old_size, 1, kChunkBytes, file.get());
    bytes.resize(old_size + num_read);
    if (std::ferror(file.get()) != 0) {
      return Error{errno == EISDIR ? Code::kInvalid : Code::kSystem,
                   Cat("[image] the file cannot be read: ", std::strerror(errno))};
    }
    if (num_read < kChunkBytes) return bytes;
    if (bytes.size() > kMaxFileBytes) {
      return Error{Code::kExhausted, Cat("[image] a picture file has at most ", FormatBytes(kMaxFileBytes),
                                         ", found more: is this the right file?")};
    }
  }
}

}  // namespace

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

Result<Image> DecodeImage(std::span<const std::byte> bytes, const DecodeOptions& options) {
  const Decoder decode = FindDecoder(bytes);
  if (decode == nullptr) return UnknownFormat(bytes);
  try {
    return decode(bytes, options);
  } catch (const std::bad_alloc&) {
    return Error{Code::kExhausted, "[image] there is not enough memory to decode the picture: make it smaller"};
  } catch (const std::exception& exception) {
    return BrokenPicture("image", exception.what());
  }
}

Result<Image> DecodeImageFile(const std::string& path, const DecodeOptions& options) {
  const std::string name = EscapeControls(path);
  try {
    auto bytes = ReadFile(path);
    if (!bytes.ok()) return WithPlace(bytes.error(), name);
    auto image = DecodeImage(bytes.value(), options);
    if (!image.ok()) return WithPlace(image.error(), name);
    return image;
  } catch (const std::bad_alloc&) {
    return Error{Code::kExhausted, Cat(name, ": [image] there is not enough memory to read the file")};
  }
}

}  // namespace thimble
