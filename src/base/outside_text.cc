// SPDX-License-Identifier: Apache-2.0
#include "base/outside_text.h"

#include "base/text.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {

std::string FromUtf16(std::string_view bytes, bool is_big_endian) {
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(is_big_endian ? first << 8 | second : second << 8 | first);
  };
  std::string out;
  out.reserve(bytes.size());
  std::size_t at = 0;
  while (at + 1 < bytes.size()) {
    char32_t c = unit(at);
    at += 2;
    const bool is_first_half = c >= 0xD800 && c < 0xDC00;
    if (is_first_half && at + 1 < bytes.size()) {
      const char32_t second = unit(at);
      if (second >= 0xDC00 && second < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (second - 0xDC00);
        at += 2;
      }
    }
    AppendUtf8(&out, c >= 0xD800 && c < 0xE000 ? kReplacementCharacter : c);
  }
  if (at < bytes.size()) AppendUtf8(&out, kReplacementCharacter);
  return out;
}

// Formats that people pipe in by mistake, by their first bytes.
std::string_view BinaryFormat(std::string_view bytes) {
  struct Format {
    std::string_view begin;
    std::string_view name;
  };
  static constexpr Format kFormats[] = {
      {"\x89PNG", "a PNG picture"},
      {"\xff\xd8\xff", "a JPEG picture"},
      {"GIF8", "a GIF picture"},
      {"BM", "a BMP picture"},
      {"%PDF-", "a PDF; take its text out first (pdftotext)"},
      {"PK\x03\x04", "a ZIP archive or an office document; save it as plain text first"},
      {"\xd0\xcf\x11\xe0", "an office document; save it as plain text first"},
      {"\x1f\x8b", "compressed (gzip); unpack it first"},
      {"GGUF", "a GGUF model; the model is the argument before the prompt"},
  };
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") return "a WebP picture";
  for (const Format& format : kFormats) {
    if (bytes.starts_with(format.begin)) return format.name;
  }
  return "";
}

// What bytes with NULs among them look like: the zero halves of UTF-16 and UTF-32 lie at every second or at three of
// four places.
std::string DescribeNulBytes(std::string_view bytes) {
  if (const std::string_view format = BinaryFormat(bytes); !format.empty()) return Cat("is no text but ", format);
  constexpr std::size_t kLookedAt = std::size_t{1} << 16;
  const std::string_view sample = bytes.substr(0, kLookedAt);
  std::array<std::size_t, 4> zeros{};
  for (std::size_t i = 0; i < sample.size(); ++i) zeros[i % 4] += sample[i] == '\0' ? 1 : 0;
  const std::size_t words = std::max<std::size_t>(sample.size() / 4, 1);
  const auto is_most = [&](std::size_t count, std::size_t of) { return count * 10 >= of * 9; };
  const auto advice = [](std::string_view name) {
    return Cat("looks like ", name, " without a mark at its beginning; convert it: iconv -f ", name, " -t UTF-8");
  };
  if (is_most(zeros[2], words) && is_most(zeros[3], words) && zeros[0] * 2 < words) return advice("UTF-32LE");
  if (is_most(zeros[0], words) && is_most(zeros[1], words) && zeros[3] * 2 < words) return advice("UTF-32BE");
  const std::size_t even = zeros[0] + zeros[2];
  const std::size_t odd = zeros[1] + zeros[3];
  // Text in any script has spaces, digits and line ends, whose upper halves are zero.
  const std::size_t enough = std::max<std::size_t>(sample.size() / 2 / 16, 1);
  if (odd >= enough && even * 4 < odd) return advice("UTF-16LE");
  if (even >= enough && odd * 4 < even) return advice("UTF-16BE");
  return Cat("has NUL bytes (the first is byte ", bytes.find('\0') + 1, "), which no text has: is it a binary file?");
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

}  // namespace

Result<std::string> TextFromOutside(std::string bytes, std::string_view place, NulBytes nul_bytes) {
  using namespace std::string_view_literals;
  const std::string_view text = bytes;
  if (text.starts_with("\xff\xfe\0\0"sv) || text.starts_with("\0\0\xfe\xff"sv)) {
    const std::string_view name = text[0] == '\0' ? "UTF-32BE" : "UTF-32LE";
    return Error{Code::kInvalid, Cat("[text] ", place, " is ", name,
                                     ", UTF-8 and UTF-16 are read; convert it: iconv -f UTF-32 -t UTF-8")};
  }
  if (text.starts_with("\xff\xfe")) {
    bytes = FromUtf16(text.substr(2), false);
  } else if (text.starts_with("\xfe\xff")) {
    bytes = FromUtf16(text.substr(2), true);
  } else if (text.starts_with("\xef\xbb\xbf")) {
    bytes.erase(0, 3);
  }
  if (nul_bytes == NulBytes::kKeep || bytes.find('\0') == std::string::npos) return bytes;
  Error error{Code::kInvalid, Cat("[text] ", place, " ", DescribeNulBytes(bytes))};
  if (BinaryFormat(bytes).ends_with("picture")) error.advice = {{Advice::kGiveAsPicture}};
  return error;
}

std::string Excerpt(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t head = most / 3 * 2;
  std::size_t tail = text.size() - most / 3;
  while (head > 0 && IsContinuation(text[head])) --head;
  while (tail < text.size() && IsContinuation(text[tail])) ++tail;
  return Cat(text.substr(0, head), "... (", text.size(), " bytes) ...", text.substr(tail));
}

}  // namespace thimble
