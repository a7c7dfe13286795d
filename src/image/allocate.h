// SPDX-License-Identifier: Apache-2.0
// Pixels of a given size, or an error: the one place where the size of a picture becomes memory.
#pragma once

#include "base/buffer.h"
#include "base/result.h"
#include "image/image.h"

#include <cstddef>
#include <new>

namespace thimble {

// A black picture. Sides must be positive; kExhausted when there is no memory for width x height x 3 bytes.
inline Result<Image> AllocateImage(int width, int height) {
  const std::size_t num_bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  Image image{width, height, {}};
  try {
    image.rgb.resize(num_bytes);
  } catch (const std::exception&) {  // bad_alloc, or length_error where size_t is small
    return OutOfMemory(num_bytes);
  }
  return image;
}

}  // namespace thimble
