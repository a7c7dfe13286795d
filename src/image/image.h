// SPDX-License-Identifier: Apache-2.0
// Image: decoded pixels. The core takes pixels, not files; codecs are a leaf (image/decode.h).
#pragma once

#include <cstdint>
#include <vector>

namespace thimble {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // [height, width, 3], rows from the top, no padding
};

}  // namespace thimble
