// SPDX-License-Identifier: Apache-2.0
// Text from outside: files and pipes in the encodings that Windows writes, and excerpts of any text for messages.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace thimble {

enum class NulBytes { kRefuse, kKeep };

// `bytes` as UTF-8. A UTF-8 mark at the beginning is dropped; UTF-16 with a mark is converted, halves of characters
// becoming U+FFFD. Everything else, invalid UTF-8 and line ends too, stays as it is. kInvalid for UTF-32 with a mark
// and, where NUL bytes are refused, for text that has some: the message says what it looks like. `place` names the
// text.
Result<std::string> TextFromOutside(std::string bytes, std::string_view place, NulBytes nul_bytes);

// `text` for a message: whole, or where it has more than `most` bytes its beginning, its size and its end.
std::string Excerpt(std::string_view text, std::size_t most = 120);

}  // namespace thimble
