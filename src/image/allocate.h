// SPDX-License-Identifier: Apache-2.0
// Pixels of a given size, or an error: the one place where the size of a picture becomes memory.
#pragma once

#include "base/buffer.h"
#include "base/result.h"
#include "image/image.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace thimble {

// A black picture. Sides must be positive; kExhausted when there is no memory for width x height x 3 bytes.
inline Result<Image> AllocateImage(int width, int height) {
  const std::uint64_t needed = std::uint64_t{3} * static_cast<unsigned>(width) * static_cast<unsigned>(height);
  if (needed > SIZE_MAX) return OutOfMemory(SIZE_MAX);
  const auto num_bytes = static_cast<std::size_t>(needed);
  Image image{width, height, {}};
#if defined(__cpp_exceptions)
  try {
    image.rgb.resize(num_bytes);
  } catch (const std::exception&) {  // bad_alloc, or length_error where size_t is small
    return OutOfMemory(num_bytes);
  }
#else
  // A vector without exceptions ends the program, so memory is asked for before; no other thread can take it meanwhile.
  void* const room = std::malloc(num_bytes);
  if (room == nullptr || num_bytes > image.rgb.max_size()) {
    std::free(room);
    return OutOfMemory(num_bytes);
  }
  std::free(room);
  image.rgb.resize(num_bytes);
#endif
  return image;
}

}  // namespace thimble
