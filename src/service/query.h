// SPDX-License-Identifier: Apache-2.0
// A request's query: "width=640&height=480".
#pragma once

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

}  // namespace thimble::service
