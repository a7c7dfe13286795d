// SPDX-License-Identifier: Apache-2.0
#include "service/query.h"

#include "base/text.h"

#include <utility>

namespace thimble::service {

namespace {

// -1: no hexadecimal digit.
int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

OrFault<std::optional<std::string>> QueryText(std::string_view query, std::string_view key) {
  const auto wrong = [&] { return Fault{400, "", "", std::string(key), Cat("in the address, ", key, " is no text")}; };
  const std::string_view raw = QueryValue(query, key);
  if (raw.empty()) return std::optional<std::string>();
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      text += raw[i] == '+' ? ' ' : raw[i];
      continue;
    }
    const int high = i + 2 < raw.size() ? HexValue(raw[i + 1]) : -1;
    const int low = i + 2 < raw.size() ? HexValue(raw[i + 2]) : -1;
    if (high < 0 || low < 0) return wrong();
    text += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (text.find('\0') != std::string::npos || !IsValidUtf8(text)) return wrong();
  return std::optional<std::string>(std::move(text));
}

}  // namespace thimble::service
