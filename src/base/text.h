// SPDX-License-Identifier: Apache-2.0
// Small text helpers: Cat() joins values into a string; UTF-8 decoding and validation of untrusted bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace thimble {

namespace text_internal {
void AppendFloat(std::string* out, double value);
template <typename T>
void Append(std::string* out, const T& value) {
  if constexpr (std::is_same_v<T, char>) {
    out->push_back(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out->append(value ? "true" : "false");
  } else if constexpr (std::is_integral_v<T>) {
    out->append(std::to_string(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    AppendFloat(out, static_cast<double>(value));
  } else {
    out->append(std::string_view(value));
  }
}
}  // namespace text_internal

// Joins strings, characters and numbers: Cat("layer ", 3, " of ", 24).
template <typename... Parts>
std::string Cat(const Parts&... parts) {
  std::string out;
  (text_internal::Append(&out, parts), ...);
  return out;
}

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedChar {
  char32_t code_point;  // kReplacementCharacter where the bytes are not valid UTF-8
  int num_bytes;        // bytes consumed, >= 1
  bool is_valid;
};

// The first character of `bytes`, which must not be empty. Invalid input consumes the longest valid prefix of a
// sequence (Unicode's "maximal subpart" rule, what Python's errors="replace" does), at least one byte.
DecodedChar DecodeUtf8(std::string_view bytes);
void AppendUtf8(std::string* out, char32_t code_point);
bool IsValidUtf8(std::string_view bytes);
// Each invalid sequence becomes one U+FFFD.
std::string ReplaceInvalidUtf8(std::string_view bytes);
// Length of the longest prefix that does not end in the middle of a character that more bytes could complete.
std::size_t CompletePrefixLength(std::string_view bytes);

// A number with so many digits after the point.
std::string Fixed(double value, int digits);
// "1.50 GiB", "12.3 MiB": for people.
std::string FormatBytes(std::uint64_t num_bytes);
// Control characters (C0 except \n and \t, DEL, C1) and invalid UTF-8 written as visible escapes ("\x1b"), so that
// text from a model or a file cannot drive a terminal.
std::string EscapeControls(std::string_view text);

// Without blanks (space, tab, line ends) at its beginning and end.
std::string_view Trim(std::string_view text);

// ASCII letters in lower case; everything else as it is.
std::string AsciiLower(std::string_view text);

}  // namespace thimble
