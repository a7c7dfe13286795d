// SPDX-License-Identifier: Apache-2.0
// HEIC (and what else libheif reads) through libheif, where it is there at build time.

#include "base/text.h"
#include "image/decode_codecs.h"

#ifdef THIMBLE_HAVE_HEIF

#include "base/buffer.h"

#include <libheif/heif.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace thimble {
namespace {

struct Release {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(heif_image* image) const { heif_image_release(image); }
};

Error Failure(const heif_error& error) {
  const char* reason = error.message != nullptr ? error.message : "no reason given";
  switch (error.code) {
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
    case heif_error_Decoder_plugin_error:
      return Error{Code::kUnsupported,
                   Cat("[heif] this picture is not read (", EscapeControls(reason), "): save it as JPEG or PNG")};
    case heif_error_Memory_allocation_error:
      return Error{Code::kExhausted, Cat("[heif] ", EscapeControls(reason), ": make the picture smaller")};
    default:
      return BrokenPicture("heif", reason);
  }
}

// As RowOverWhite where colours hold their opacity's share already.
void PremultipliedOverWhite(const std::uint8_t* rgba, std::size_t count, std::uint8_t* rgb) {
  for (; count > 0; --count, rgba += 4, rgb += 3) {
    for (int channel = 0; channel < 3; ++channel)
      rgb[channel] = static_cast<std::uint8_t>(std::min(255, rgba[channel] + 255 - rgba[3]));
  }
}

}  // namespace

// Rotation and mirroring are part of the format and applied by libheif; an EXIF block in it only repeats them.
Result<Image> DecodeHeif(std::span<const std::byte> bytes, const DecodeOptions& options) {
  const std::unique_ptr<heif_context, Release> context(heif_context_alloc());
  if (context == nullptr) return OutOfMemory(sizeof(void*));
  heif_error error = heif_context_read_from_memory_without_copy(context.get(), bytes.data(), bytes.size(), nullptr);
  if (error.code != heif_error_Ok) return Failure(error);
  heif_image_handle* raw_handle = nullptr;
  error = heif_context_get_primary_image_handle(context.get(), &raw_handle);
  const std::unique_ptr<heif_image_handle, Release> handle(raw_handle);
  if (error.code != heif_error_Ok) return Failure(error);
  THIMBLE_RETURN_IF_ERROR(CheckDecodedSize("heif", heif_image_handle_get_width(handle.get()),
                                           heif_image_handle_get_height(handle.get()), options));

  // A crop may hide a coded picture that is far larger than what it shows.
  THIMBLE_RETURN_IF_ERROR(CheckDecodedSize("heif", heif_image_handle_get_ispe_width(handle.get()),
                                           heif_image_handle_get_ispe_height(handle.get()), options));

  heif_image* raw_pixels = nullptr;
  const bool has_alpha = options.alpha == Alpha::kWhite && heif_image_handle_has_alpha_channel(handle.get()) != 0;
  error = heif_decode_image(handle.get(), &raw_pixels, heif_colorspace_RGB,
                            has_alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, nullptr);
  const std::unique_ptr<heif_image, Release> pixels(raw_pixels);
  if (error.code != heif_error_Ok) return Failure(error);
  int stride = 0;
  const std::uint8_t* plane = heif_image_get_plane_readonly(pixels.get(), heif_channel_interleaved, &stride);
  if (plane == nullptr) return BrokenPicture("heif", "it has no colours");
  const int width = heif_image_get_width(pixels.get(), heif_channel_interleaved);
  const int height = heif_image_get_height(pixels.get(), heif_channel_interleaved);
  THIMBLE_ASSIGN_OR_RETURN(Image image, AllocateDecoded("heif", width, height, options));
  const std::size_t row_bytes = static_cast<std::size_t>(width) * 3;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    std::uint8_t* row = image.rgb.data() + y * row_bytes;
    if (has_alpha && heif_image_handle_is_premultiplied_alpha(handle.get()) != 0) {
      PremultipliedOverWhite(plane + y * stride, static_cast<std::size_t>(width), row);
    } else if (has_alpha) {
      RowOverWhite(plane + y * stride, static_cast<std::size_t>(width), row);
    } else {
      std::memcpy(row, plane + y * stride, row_bytes);
    }
  }
  return image;
}

}  // namespace thimble

#else

namespace thimble {

Result<Image> DecodeHeif(std::span<const std::byte> /*bytes*/, const DecodeOptions& /*options*/) {
  return Error{Code::kUnsupported,
               "[heif] this build reads no HEIC, found one: save it as JPEG or PNG, or build with libheif"};
}

}  // namespace thimble

#endif
