// SPDX-License-Identifier: Apache-2.0
// Pictures of who decodes them itself, a page or an app: BMP only.
#pragma once

#include "service/carrier_parts.h"

#include <string>
#include <string_view>

namespace thimble::common {

class BmpDecoder : public service::PictureDecoder {
 public:
  Result<Picture> Decode(std::string_view bytes, const std::string& place) override;
};

}  // namespace thimble::common
