// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <array>
#include <cstdio>

namespace thimble {

namespace text_internal {
void AppendFloat(std::string* out, double value) {
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%.6g", value);
  out->append(digits.data());
}
}  // namespace text_internal

namespace {

// Bounds of the second byte by the first (Unicode standard, table 3-7); total 0 marks an invalid first byte.
struct Utf8Form {
  int total;
  unsigned char second_min;
  unsigned char second_max;
};

Utf8Form FormOf(unsigned char first) {
  if (first >= 0xC2 && first <= 0xDF) return {2, 0x80, 0xBF};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};
  if (first >= 0xE1 && first <= 0xEF) return {3, 0x80, 0xBF};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first >= 0xF1 && first <= 0xF3) return {4, 0x80, 0xBF};
  if (first == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

DecodedChar DecodeUtf8(std::string_view bytes) {
  const auto at = [&](std::size_t index) { return static_cast<unsigned char>(bytes[index]); };
  const unsigned char first = at(0);
  if (first < 0x80) return {first, 1, true};
  const Utf8Form form = FormOf(first);
  if (form.total == 0) return {kReplacementCharacter, 1, false};
  char32_t code_point = first & (0x7Fu >> form.total);
  for (int index = 1; index < form.total; ++index) {
    if (static_cast<std::size_t>(index) >= bytes.size()) return {kReplacementCharacter, index, false};
    const unsigned char byte = at(static_cast<std::size_t>(index));
    const bool fits = index == 1 ? (byte >= form.second_min && byte <= form.second_max) : (byte & 0xC0u) == 0x80u;
    if (!fits) return {kReplacementCharacter, index, false};
    code_point = (code_point << 6) | (byte & 0x3Fu);
  }
  return {code_point, form.total, true};
}

void AppendUtf8(std::string* out, char32_t code_point) {
  const auto push = [out](std::uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  const std::uint32_t c = code_point;
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0u | (c >> 6));
    push(0x80u | (c & 0x3Fu));
  } else if (c < 0x10000) {
    push(0xE0u | (c >> 12));
    push(0x80u | ((c >> 6) & 0x3Fu));
    push(0x80u | (c & 0x3Fu));
  } else {
    push(0xF0u | (c >> 18));
    push(0x80u | ((c >> 12) & 0x3Fu));
    push(0x80u | ((c >> 6) & 0x3Fu));
    push(0x80u | (c & 0x3Fu));
  }
}

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const DecodedChar decoded = DecodeUtf8(bytes);
    if (!decoded.is_valid) return false;
    bytes.remove_prefix(static_cast<std::size_t>(decoded.num_bytes));
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const DecodedChar decoded = DecodeUtf8(bytes);
    AppendUtf8(&out, decoded.code_point);
    bytes.remove_prefix(static_cast<std::size_t>(decoded.num_bytes));
  }
  return out;
}

std::size_t CompletePrefixLength(std::string_view bytes) {
  // Only the last three bytes can belong to an unfinished character.
  const std::size_t look_back = bytes.size() < 3 ? bytes.size() : 3;
  for (std::size_t back = 1; back <= look_back; ++back) {
    const std::size_t start = bytes.size() - back;
    const auto first = static_cast<unsigned char>(bytes[start]);
    if ((first & 0xC0u) == 0x80u) continue;  // a continuation byte: its first byte is further left
    const Utf8Form form = FormOf(first);
    if (form.total <= static_cast<int>(back)) return bytes.size();
    const DecodedChar decoded = DecodeUtf8(bytes.substr(start));
    return decoded.num_bytes == static_cast<int>(back) ? start : bytes.size();
  }
  return bytes.size();
}

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string FormatBytes(std::uint64_t num_bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(num_bytes);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string EscapeControls(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedChar decoded = DecodeUtf8(text);
    const std::string_view bytes = text.substr(0, static_cast<std::size_t>(decoded.num_bytes));
    const char32_t c = decoded.code_point;
    const bool is_control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
    if (!decoded.is_valid || is_control) {
      for (const char byte : bytes) {
        out += "\\x";
        out.push_back(kHex[static_cast<unsigned char>(byte) >> 4]);
        out.push_back(kHex[static_cast<unsigned char>(byte) & 15u]);
      }
    } else {
      out.append(bytes);
    }
    text.remove_prefix(bytes.size());
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace thimble
