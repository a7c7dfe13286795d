// SPDX-License-Identifier: Apache-2.0
// The split rule as a hand-written scanner.
#include "text/pretokenize.h"

#include "base/text.h"
#include "text/unicode.h"

#include <array>
#include <cstdint>

namespace thimble {
namespace {

// Classes of the ASCII characters, so that plain text needs neither decoding nor the big table.
constexpr std::array<CharClass, 128> MakeAsciiClasses() {
  std::array<CharClass, 128> classes{};
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
    classes[c] = is_letter              ? CharClass::kLetter
                 : c >= '0' && c <= '9' ? CharClass::kNumber
                 : is_space             ? CharClass::kSpace
                                        : CharClass::kOther;
  }
  return classes;
}
constexpr std::array<CharClass, 128> kAsciiClasses = MakeAsciiClasses();

constexpr char32_t kLongS = 0x17F;  // the only other character that equals an ASCII letter of the rule without case

struct Char {
  CharClass char_class;
  char32_t code_point;
  std::size_t num_bytes;
};

// The character at `position`, which must lie inside the text.
Char CharAt(std::string_view text, std::size_t position) {
  const auto first = static_cast<unsigned char>(text[position]);
  if (first < 0x80) return {kAsciiClasses[first], first, 1};
  const DecodedChar decoded = DecodeUtf8(text.substr(position));
  return {ClassOf(decoded.code_point), decoded.code_point, static_cast<std::size_t>(decoded.num_bytes)};
}

bool IsNewline(char c) { return c == '\r' || c == '\n'; }
bool IsWordClass(CharClass char_class) { return char_class == CharClass::kLetter || char_class == CharClass::kMark; }

// End of the run of letters and marks that begins at `position` (maybe an empty one).
std::size_t SkipWord(std::string_view text, std::size_t position) {
  while (position < text.size()) {
    const Char next = CharAt(text, position);
    if (!IsWordClass(next.char_class)) break;
    position += next.num_bytes;
  }
  return position;
}

std::size_t SkipOther(std::string_view text, std::size_t position) {
  while (position < text.size()) {
    const Char next = CharAt(text, position);
    if (next.char_class != CharClass::kOther) break;
    position += next.num_bytes;
  }
  return position;
}

std::size_t SkipNewlines(std::string_view text, std::size_t position) {
  while (position < text.size() && IsNewline(text[position])) ++position;
  return position;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d): length in bytes, 0 for none. `text` begins with the apostrophe.
std::size_t ContractionLength(std::string_view text) {
  const auto lower_at = [text](std::size_t index) {
    const char c = index < text.size() ? text[index] : '\0';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  switch (lower_at(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return lower_at(2) == 'e' ? 3 : 0;
    case 'l':
      return lower_at(2) == 'l' ? 3 : 0;
    default:
      break;
  }
  return text.size() >= 3 && CharAt(text, 1).code_point == kLongS ? 3 : 0;
}

// The alternatives that begin with white space once a word or punctuation after one character of it is ruled out.
std::size_t SpaceLength(std::string_view text) {
  std::size_t end = 0;
  std::size_t last_start = 0;     // where the last character of the run begins
  std::size_t after_newline = 0;  // end of the last \r or \n, 0 for none
  while (end < text.size()) {
    const Char next = CharAt(text, end);
    if (next.char_class != CharClass::kSpace) break;
    last_start = end;
    end += next.num_bytes;
    if (IsNewline(text[last_start])) after_newline = end;
  }
  if (after_newline != 0) return after_newline;           // \s*[\r\n]+
  if (end == text.size() || last_start == 0) return end;  // \s+(?!\S) at the end of the text; \s+ for a single one
  return last_start;                                      // \s+(?!\S): the last one is left to the word behind it
}

}  // namespace

std::size_t FirstPieceLength(std::string_view text) {
  const Char first = CharAt(text, 0);
  const std::size_t second = first.num_bytes;
  // Alternatives in the rule's order; none of them needs to be tried where an earlier one matches.
  if (first.code_point == '\'') {
    const std::size_t length = ContractionLength(text);
    if (length != 0) return length;
  }
  // [^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+: a mark may be the optional first character or the word's own, which is the same.
  if (IsWordClass(first.char_class)) return SkipWord(text, second);
  if (first.char_class == CharClass::kNumber) return second;
  if (!IsNewline(text[0])) {
    const std::size_t end = SkipWord(text, second);
    if (end > second) return end;
  }
  // A space, then punctuation:  ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*
  if (first.char_class == CharClass::kOther || text[0] == ' ') {
    const std::size_t end = SkipOther(text, second);
    if (end > second || first.char_class == CharClass::kOther) return SkipNewlines(text, end);
  }
  return SpaceLength(text);
}

}  // namespace thimble
