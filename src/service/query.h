// SPDX-License-Identifier: Apache-2.0
// Values in a request's head: of its query ("width=640&height=480"), and numbers in it.
#pragma once

#include "service/or_fault.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thimble::service {

// The value of the first `key`, as it stands there; empty where there is none.
inline std::string_view QueryValue(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(item.size() < query.size() ? item.size() + 1 : item.size());
    if (item.size() > key.size() && item.starts_with(key) && item[key.size()] == '=')
      return item.substr(key.size() + 1);
  }
  return {};
}

// The text of the first `key`, its escapes (%41, and '+' for a blank) undone; nullopt where there is none. 400 for
// broken escapes, zeros, and what is not UTF-8.
OrFault<std::optional<std::string>> QueryText(std::string_view query, std::string_view key);

// The number that `text` is: digits and nothing else, below 2^64.
inline std::optional<std::uint64_t> NumberOf(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace thimble::service
