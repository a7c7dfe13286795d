// SPDX-License-Identifier: Apache-2.0
#include "common/bmp_decoder.h"

#include "base/text.h"
#include "image/decode_codecs.h"

#include <span>
#include <utility>

namespace thimble::common {

Result<Picture> BmpDecoder::Decode(std::string_view bytes, const std::string& place) {
  if (!bytes.starts_with("BM")) {
    return Error{Code::kUnsupported,
                 Cat(place, ": [image] the engine in here takes BMP only: who sends pictures decodes everything else")};
  }
  DecodeOptions how;
  how.max_pixels = 50'000'000;
  how.alpha = Alpha::kWhite;
  auto image = DecodeBmp(std::as_bytes(std::span(bytes)), how);
  if (!image.ok()) return WithPlace(image.error(), place);
  Picture picture;
  picture.image = std::move(image).value();
  return picture;
}

}  // namespace thimble::common
