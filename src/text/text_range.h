// SPDX-License-Identifier: Apache-2.0
// TextRange: a stretch of a text, by its bytes.
#pragma once

#include <cstddef>

namespace thimble {

struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const TextRange&, const TextRange&) = default;
};

}  // namespace thimble
