// SPDX-License-Identifier: Apache-2.0
// Pictures as the page sends them, which decodes them itself: BMP only.
#pragma once

#include "service/carrier_parts.h"

#include <string>
#include <string_view>

namespace thimble::browser {

class BmpDecoder : public service::PictureDecoder {
 public:
  Result<Picture> Decode(std::string_view bytes, const std::string& place) override;
};

}  // namespace thimble::browser
