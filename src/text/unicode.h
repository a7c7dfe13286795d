// SPDX-License-Identifier: Apache-2.0
// What the tokenizer needs of Unicode: is this character a letter, mark, number or white space, and the normal form
// NFC. Both agree with the reference tokenizer for every code point (tools/make_unicode.py --check).
#pragma once

#include "text/unicode_tables.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace thimble {

enum class CharClass : std::uint8_t {
  kOther,   // punctuation, symbols, controls, unassigned
  kLetter,  // \p{L}
  kMark,    // \p{M}
  kNumber,  // \p{N}
  kSpace,   // \s
};

namespace unicode_internal {
// The four table bits of a code point: class and kNfcUnsettled.
inline std::uint8_t TableBits(char32_t code_point) {
  namespace tables = unicode_tables;
  if (code_point < tables::kTableEnd) {
    const std::uint64_t word = tables::kBlocks[tables::kBlockIndex[code_point / 128]][code_point / 16 % 8];
    return static_cast<std::uint8_t>(word >> (4 * (code_point % 16)) & 15u);
  }
  const bool is_mark = code_point >= tables::kTailMarksFirst && code_point <= tables::kTailMarksLast;
  return is_mark ? static_cast<std::uint8_t>(CharClass::kMark) : std::uint8_t{0};
}
}  // namespace unicode_internal

// Any value may be asked for; what is no code point is kOther.
inline CharClass ClassOf(char32_t code_point) {
  return static_cast<CharClass>(unicode_internal::TableBits(code_point) & 7u);
}

// Canonical combining class: 0 for characters that start a new cluster.
int CombiningClass(char32_t code_point);

// `text`, which must be valid UTF-8, in normal form C. Most text is in that form already: then the result is `text`
// itself; otherwise it lies in `*storage`, whose old content is lost. Time is O(n log n) for any text.
std::string_view NormalizeNfc(std::string_view text, std::string* storage);

}  // namespace thimble
