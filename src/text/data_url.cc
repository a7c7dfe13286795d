// SPDX-License-Identifier: Apache-2.0
#include "text/data_url.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace thimble {

namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

}  // namespace

bool IsDataUrl(std::string_view text) { return AsciiLower(text.substr(0, 5)) == "data:"; }

Result<std::string> DecodeDataUrl(std::string_view url) {
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos || !AsciiLower(url.substr(0, comma)).ends_with(";base64")) {
    return Error{Code::kInvalid, "[picture] a data URL must be base64: data:image/png;base64,..."};
  }
  return DecodeBase64(DecodePercent(url.substr(comma + 1)));
}

Result<std::string> DecodeBase64(std::string_view text) {
  while (!text.empty() && (text.back() == '=' || IsSpace(text.back()))) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (IsSpace(c)) continue;
    const int value = Base64Value(c);
    if (value < 0) {
      return Error{Code::kInvalid, Cat("[picture] base64 is letters, digits, + and /, found '",
                                       EscapeControls(std::string_view(&c, 1)), "' in a data URL")};
    }
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFFu;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 255u));
    }
  }
  return out;
}

bool LooksLikeBase64Picture(std::string_view text) {
  constexpr std::size_t kShortest = 24;
  constexpr std::size_t kLongestPath = 4096;
  const auto is_letter = [](char c) { return Base64Value(c) >= 0 || c == '=' || IsSpace(c); };
  if (text.size() < kShortest || !std::all_of(text.begin(), text.end(), is_letter)) return false;
  if (text.size() >= kLongestPath) return true;
  const auto begin = DecodeBase64(text.substr(0, kShortest));
  if (!begin.ok()) return false;
  const std::string& bytes = begin.value();
  constexpr std::string_view kBegins[] = {"\x89PNG", "\xff\xd8\xff", "GIF8", "RIFF", "BM"};
  return std::any_of(std::begin(kBegins), std::end(kBegins),
                     [&](std::string_view b) { return bytes.starts_with(b); }) ||
         (bytes.size() >= 8 && bytes.compare(4, 4, "ftyp") == 0);
}

std::string DecodePercent(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out.push_back(static_cast<char>(value));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace thimble
