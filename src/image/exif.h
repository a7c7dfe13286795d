// SPDX-License-Identifier: Apache-2.0
// EXIF orientation: how a camera says that a picture must be turned before it is looked at.
#pragma once

#include "base/result.h"
#include "image/image.h"

#include <cstddef>
#include <span>

namespace thimble {

// The orientation (1 to 8) in an EXIF block, with or without its "Exif\0\0" prefix. 1 (as stored) when the block has
// none or is broken: a damaged note beside the pixels is no reason to refuse them.
int ExifOrientation(std::span<const std::byte> exif);

// The picture as it should be seen; 5 to 8 swap the sides. kExhausted when there is no memory for the turned copy.
Result<Image> ApplyOrientation(Image image, int orientation);

}  // namespace thimble
