// SPDX-License-Identifier: Apache-2.0
// GIF through giflib: the first frame on its canvas. Reading stops there, so a long animation costs nothing.

#include "base/text.h"
#include "image/decode_codecs.h"

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace thimble {
namespace {

struct Source {
  std::span<const std::byte> bytes;
  std::size_t position = 0;
};

int OnRead(GifFileType* gif, GifByteType* out, int size) {
  auto* source = static_cast<Source*>(gif->UserData);
  const std::size_t count =
      std::min(static_cast<std::size_t>(std::max(size, 0)), source->bytes.size() - source->position);
  if (count > 0) std::memcpy(out, source->bytes.data() + source->position, count);
  source->position += count;
  return static_cast<int>(count);
}

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, CloseGif>;

Error Broken(int code) {
  if (code == D_GIF_ERR_NOT_ENOUGH_MEM) {
    return Error{Code::kExhausted, "[gif] there is not enough memory to decode the picture: make it smaller"};
  }
  const char* reason = GifErrorString(code);
  return BrokenPicture("gif", reason != nullptr ? reason : "no reason given");
}

// Reads one extension; of a graphics control block, which transparent entry the next frame has.
Status ReadExtension(GifFileType* gif, std::optional<int>* transparent) {
  int type = 0;
  GifByteType* block = nullptr;
  if (DGifGetExtension(gif, &type, &block) != GIF_OK) return Broken(gif->Error);
  if (type == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 && (block[1] & 1) != 0) {
    *transparent = block[4];
  }
  while (block != nullptr) {
    if (DGifGetExtensionNext(gif, &block) != GIF_OK) return Broken(gif->Error);
  }
  return Done{};
}

// Moves to the first frame and reads its description.
Status FindFrame(GifFileType* gif, std::optional<int>* transparent) {
  while (true) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif, &record) != GIF_OK) return Broken(gif->Error);
    switch (record) {
      case EXTENSION_RECORD_TYPE:
        THIMBLE_RETURN_IF_ERROR(ReadExtension(gif, transparent));
        break;
      case IMAGE_DESC_RECORD_TYPE:
        if (DGifGetImageDesc(gif) != GIF_OK) return Broken(gif->Error);
        return Done{};
      case TERMINATE_RECORD_TYPE:
        return BrokenPicture("gif", "it has no frame");
      default:
        return BrokenPicture("gif", "unknown record");
    }
  }
}

// All 256 entries as colours: those a palette lacks are black, and without any palette they are grays.
std::array<Rgb, 256> PaletteOf(const GifFileType& gif) {
  std::array<Rgb, 256> colours{};
  const ColorMapObject* map = gif.Image.ColorMap != nullptr ? gif.Image.ColorMap : gif.SColorMap;
  for (int i = 0; i < 256; ++i) {
    if (map == nullptr) {
      colours[i].fill(static_cast<std::uint8_t>(i));
    } else if (i < map->ColorCount) {
      colours[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue};
    }
  }
  return colours;
}

// The frame's rows in the order they are stored: top down, or in the four passes of an interlaced frame.
std::vector<int> RowOrder(int height, bool is_interlaced) {
  std::vector<int> order;
  order.reserve(height);
  if (!is_interlaced) {
    for (int y = 0; y < height; ++y) order.push_back(y);
    return order;
  }
  constexpr std::array<std::array<int, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};  // first row, step
  for (const auto& [first, step] : kPasses) {
    for (int y = first; y < height; y += step) order.push_back(y);
  }
  return order;
}

}  // namespace

Result<Image> DecodeGif(std::span<const std::byte> bytes, const DecodeOptions& options) {
  Source source{bytes};
  int open_error = 0;
  const Gif gif(DGifOpen(&source, OnRead, &open_error));
  if (gif == nullptr) return Broken(open_error);
  std::optional<int> transparent;
  THIMBLE_RETURN_IF_ERROR(FindFrame(gif.get(), &transparent));

  const GifImageDesc& frame = gif->Image;
  if (frame.Width < 1 || frame.Height < 1 || frame.Left < 0 || frame.Top < 0) {
    return BrokenPicture("gif", "its first frame is empty");
  }
  // A frame beyond the canvas enlarges it, as in the reference.
  const int width = std::max(gif->SWidth, frame.Left + frame.Width);
  const int height = std::max(gif->SHeight, frame.Top + frame.Height);
  THIMBLE_ASSIGN_OR_RETURN(Image image, AllocateDecoded("gif", width, height, options));

  const std::array<Rgb, 256> colours = PaletteOf(*gif);
  const Rgb background = colours[transparent.value_or(0)];
  // A person sees through what the frame does not cover.
  const Rgb canvas = options.alpha == Alpha::kWhite ? Rgb{255, 255, 255} : background;
  for (std::size_t at = 0; at < image.rgb.size(); at += 3) std::memcpy(&image.rgb[at], canvas.data(), 3);
  std::vector<GifPixelType> line(frame.Width);
  for (const int y : RowOrder(frame.Height, frame.Interlace)) {
    if (DGifGetLine(gif.get(), line.data(), frame.Width) != GIF_OK) return Broken(gif->Error);
    std::uint8_t* to = &image.rgb[(static_cast<std::size_t>(frame.Top + y) * width + frame.Left) * 3];
    for (const GifPixelType index : line) {
      const bool is_seen = options.alpha == Alpha::kDrop || index != transparent;
      std::memcpy(to, is_seen ? colours[index].data() : canvas.data(), 3);
      to += 3;
    }
  }
  if (transparent.has_value() && options.alpha == Alpha::kDrop) WhitenColour(background, &image);
  return image;
}

}  // namespace thimble
