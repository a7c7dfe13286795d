// SPDX-License-Identifier: Apache-2.0
// JPEG through libjpeg: baseline and progressive; gray, YCbCr, RGB, CMYK and YCCK.
// libjpeg leaves through longjmp, so the functions that call it hold nothing that needs a destructor.

#include "base/text.h"
#include "image/decode_codecs.h"
#include "image/exif.h"

// jpeglib.h needs FILE and size_t declared before it.
#include <cstddef>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstring>
#include <vector>

namespace thimble {
namespace {

// Each scan of a progressive file walks over all coefficients, so a few bytes a scan could keep us busy for minutes.
// Encoders write about ten.
constexpr int kMaxScans = 200;
// Of a picture that is read smaller: it has up to four times as many coefficients.
constexpr int kMaxScansOfLarge = 50;
// A picture of several scans is kept whole as coefficients: at most two bytes for each of four colours of a pixel. One
// that is read smaller may take as much as the largest that is read as it is.
constexpr std::uint64_t kCoefficientBytesPerPixel = 8;

struct JpegReader {
  JpegReader() = default;
  ~JpegReader() { jpeg_destroy_decompress(&codec); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  jpeg_decompress_struct codec = {};
  jpeg_error_mgr errors = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf escape = {};
  char message[JMSG_LENGTH_MAX] = "";
  Code code = Code::kCorrupt;
  int max_scans = kMaxScans;
  int orientation = 1;  // of the first EXIF block; finishing frees the markers, so it is read with the header

  [[nodiscard]] bool IsCmyk() const { return codec.jpeg_color_space == JCS_CMYK || codec.jpeg_color_space == JCS_YCCK; }
};

JpegReader* ReaderOf(j_common_ptr codec) { return static_cast<JpegReader*>(codec->client_data); }

Code CodeOf(int libjpeg_code) {
  switch (libjpeg_code) {
    case JERR_OUT_OF_MEMORY:
      return Code::kExhausted;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
    case JERR_SOF_UNSUPPORTED:
      return Code::kUnsupported;
    default:
      return Code::kCorrupt;
  }
}

[[noreturn]] void OnError(j_common_ptr codec) {
  JpegReader* reader = ReaderOf(codec);
  codec->err->format_message(codec, reader->message);
  reader->code = CodeOf(codec->err->msg_code);
  std::longjmp(reader->escape, 1);
}

// libjpeg only warns when data is missing and paints the rest gray. Those warnings are errors here; what does not
// touch the pixels is let through.
void OnMessage(j_common_ptr codec, int level) {
  if (level >= 0) return;
  switch (codec->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
      return;
    default:
      OnError(codec);
  }
}

void OnProgress(j_common_ptr codec) {
  JpegReader* reader = ReaderOf(codec);
  if (reader->codec.input_scan_number <= reader->max_scans) return;
  std::snprintf(reader->message, sizeof(reader->message), "more than %d scans", reader->max_scans);
  reader->code = Code::kCorrupt;
  std::longjmp(reader->escape, 1);
}

bool ReadHeader(JpegReader* reader, std::span<const std::byte> bytes) {
  jpeg_decompress_struct* codec = &reader->codec;
  codec->err = jpeg_std_error(&reader->errors);
  reader->errors.error_exit = OnError;
  reader->errors.emit_message = OnMessage;
  codec->client_data = reader;
  if (setjmp(reader->escape) != 0) return false;
  jpeg_create_decompress(codec);
  reader->progress.progress_monitor = OnProgress;
  codec->progress = &reader->progress;
  jpeg_mem_src(codec, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(codec, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(codec, TRUE);
  for (const jpeg_marker_struct* marker = codec->marker_list; marker != nullptr; marker = marker->next) {
    if (marker->data_length >= 6 && std::memcmp(marker->data, "Exif\0\0", 6) == 0) {
      reader->orientation = ExifOrientation(std::as_bytes(std::span(marker->data, marker->data_length)));
      break;
    }
  }
  return true;
}

// Adobe stores ink inverted: 255 is none. Rounded as Pillow rounds.
void CmykRowToRgb(const std::uint8_t* cmyk, int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk[channel]) * white + 128;
      rgb[channel] = static_cast<std::uint8_t>(white - ((product + (product >> 8)) >> 8));
    }
  }
}

// `cmyk_row` holds width * 4 bytes when the picture is CMYK.
bool ReadPixels(JpegReader* reader, int divisor, int width, int height, std::uint8_t* rgb, std::uint8_t* cmyk_row) {
  jpeg_decompress_struct* codec = &reader->codec;
  if (setjmp(reader->escape) != 0) return false;
  codec->out_color_space = reader->IsCmyk() ? JCS_CMYK : JCS_RGB;
  codec->scale_num = 1;
  codec->scale_denom = static_cast<unsigned>(divisor);
  jpeg_start_decompress(codec);
  if (codec->output_width != static_cast<JDIMENSION>(width) || codec->output_height != static_cast<JDIMENSION>(height))
    return false;
  const std::size_t row_bytes = static_cast<std::size_t>(codec->output_width) * 3;
  while (codec->output_scanline < codec->output_height) {
    std::uint8_t* const out = rgb + codec->output_scanline * row_bytes;
    JSAMPROW row = reader->IsCmyk() ? cmyk_row : out;
    if (jpeg_read_scanlines(codec, &row, 1) != 1) return false;
    if (reader->IsCmyk()) CmykRowToRgb(cmyk_row, static_cast<int>(codec->output_width), out);
  }
  jpeg_finish_decompress(codec);
  return true;
}

Error FailureOf(const JpegReader& reader) {
  if (reader.code == Code::kCorrupt) return BrokenPicture("jpeg", reader.message);
  return Error{reader.code,
               Cat("[jpeg] this kind of JPEG is not read (", reader.message, "): save it again as an 8-bit RGB JPEG")};
}

// What libjpeg keeps of a picture of several scans until the last one is read; 0 for one scan.
std::uint64_t CoefficientBytes(JpegReader* reader) {
  const jpeg_decompress_struct& codec = reader->codec;
  if (jpeg_has_multiple_scans(&reader->codec) == FALSE) return 0;
  std::uint64_t num_blocks = 0;
  for (int i = 0; i < codec.num_components; ++i) {
    const jpeg_component_info& component = codec.comp_info[i];
    const auto whole = [](JDIMENSION blocks, int factor) {
      const auto step = static_cast<std::uint64_t>(std::max(factor, 1));
      return (blocks + step - 1) / step * step;
    };
    num_blocks += whole(component.width_in_blocks, component.h_samp_factor) *
                  whole(component.height_in_blocks, component.v_samp_factor);
  }
  return num_blocks * sizeof(JBLOCK);
}

// Of a picture that is read smaller.
Status CheckCoefficients(JpegReader* reader, const DecodeOptions& options) {
  const std::uint64_t needed = CoefficientBytes(reader);
  const std::uint64_t most = kCoefficientBytesPerPixel * static_cast<std::uint64_t>(options.max_pixels);
  if (needed <= most) return Done{};
  return Error{Code::kExhausted,
               Cat("[jpeg] a progressive JPEG of ", reader->codec.image_width, " x ", reader->codec.image_height,
                   " is decoded in ", FormatBytes(needed), ", and ", FormatBytes(most),
                   " is the limit: save it as a baseline JPEG or make it smaller")};
}

Error TooLarge(std::int64_t width, std::int64_t height, const DecodeOptions& options) {
  const std::int64_t num_pixels = width * height;
  const bool has_other_limit = options.max_jpeg_pixels > options.max_pixels && num_pixels > options.max_jpeg_pixels;
  return Error{Code::kExhausted,
               Cat("[jpeg] a picture may have ", has_other_limit ? options.max_jpeg_pixels : options.max_pixels,
                   " pixels, found ", width, " x ", height, " = ", num_pixels, ": make it smaller"),
               {{Advice::kRaiseImagePixels, num_pixels}}};
}

}  // namespace

Result<Image> DecodeJpeg(std::span<const std::byte> bytes, const DecodeOptions& options) {
  JpegReader reader;
  if (!ReadHeader(&reader, bytes)) return FailureOf(reader);
  const std::int64_t width = reader.codec.image_width;
  const std::int64_t height = reader.codec.image_height;
  const int divisor = JpegDivisor(width, height, options);
  if (divisor == 0) return TooLarge(width, height, options);
  if (divisor > 1) {
    THIMBLE_RETURN_IF_ERROR(CheckCoefficients(&reader, options));
    reader.max_scans = kMaxScansOfLarge;
  }
  THIMBLE_ASSIGN_OR_RETURN(
      Image image, AllocateDecoded("jpeg", (width + divisor - 1) / divisor, (height + divisor - 1) / divisor, options));
  std::vector<std::uint8_t> cmyk_row(reader.IsCmyk() ? static_cast<std::size_t>(image.width) * 4 : 0);
  if (!ReadPixels(&reader, divisor, image.width, image.height, image.rgb.data(), cmyk_row.data()))
    return FailureOf(reader);
  return ApplyOrientation(std::move(image), reader.orientation);
}

}  // namespace thimble
