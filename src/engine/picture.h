// SPDX-License-Identifier: Apache-2.0
// Picture: what a conversation shows the model, and at which size the model reads it.
#pragma once

#include "base/result.h"
#include "base/sha256.h"
#include "image/image.h"
#include "image/preprocess.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace thimble {

// How many tokens a picture of a conversation may take.
enum class Detail {
  kFile,  // what the model file's limits allow: the reference's way, whether it fits or not
  kLow,   // 256
  kAuto,  // 1,024
  kHigh,  // what the file's limits allow
};
const char* DetailName(Detail detail);  // "file", "low", "auto", "high"

// One picture, or one video given as frames (already sampled), in the order of the conversation's slots.
struct Picture {
  Image image;
  std::vector<Image> frames;           // not empty: a video
  std::vector<double> timestamps;      // of each temporal patch, seconds; for a video
  std::optional<Detail> detail = {};   // of this picture, in place of the request's
  std::optional<ImageSize> read_size;  // decided before: read at this size, whatever the limits say
  // Of a settled picture (Settle), whose pixels are those of read_size: what it was before. 0: not settled.
  ImageSize given;
  std::optional<Digest128> digest;  // of the pixels as given, where it was computed before (KeepDigest, Settle)

  [[nodiscard]] bool is_video() const { return !frames.empty(); }
  [[nodiscard]] ImageSize size() const {  // as given
    return given.width > 0 ? given : ImageSize{image.height, image.width};
  }
};

// Patches of a picture after resizing: t temporal ones of h x w.
struct PictureGrid {
  int t = 1, h = 0, w = 0;
  // Rows that the model reads, of one temporal patch.
  [[nodiscard]] std::int64_t rows() const { return static_cast<std::int64_t>(h / 2) * (w / 2); }
  friend bool operator==(const PictureGrid&, const PictureGrid&) = default;
};

// What tells pictures as the model reads them apart: equal ones give equal rows.
struct PictureId {
  Digest128 digest;  // of the pixels as given
  PictureGrid grid;
  friend bool operator==(const PictureId&, const PictureId&) = default;
};

// How a picture was read.
struct PictureReading {
  ImageSize given;
  ImageSize read;
  std::int64_t tokens = 0;
  Detail detail = Detail::kFile;
  bool is_new = false;            // decided for this request, not before
  bool is_reduced = false;        // the file's limits alone would have given more tokens
  bool fills_its_share = false;   // the room left, not its budget, decided
  bool context_can_grow = false;  // a larger context of this model would have given it more
  Digest128 digest;
};

// The size at which a picture is read that follows `tokens_before` tokens of a context of `context`. With kFile what
// `limits` say, as the reference does. Else at most the detail's budget and at most half of what the context has left,
// but 64 tokens in any case; a token is a block of patch x merge pixels squared. Errors as SmartResize.
Result<PictureReading> ChooseReading(ImageSize given, Detail detail, const PatchSizes& sizes, const PixelLimits& limits,
                                     std::int64_t tokens_before, std::int64_t context);

// Replaces the pixels of a picture (no video) that was read by those of the size it was read at, which give the same
// patches, and keeps what was decided: a 12-megapixel photo of a long conversation takes 3 MB instead of 36. A picture
// for which there is no memory stays as it is.
void Settle(const PictureReading& reading, Picture* picture);

// Tells pictures apart: a hash of the pixels as given or, for a video, of its frames (when they were taken is text, and
// no part of it). Takes as long as reading 0.8 GB a second, or nothing where the picture has it already.
Digest128 DigestOf(const Picture& picture);
// Computes it once for all requests that this picture will be a part of.
void KeepDigest(Picture* picture);

}  // namespace thimble
