// SPDX-License-Identifier: Apache-2.0
#include "service/exchange.h"

namespace thimble::service {

const std::string* Request::FindHeader(std::string_view name) const {
  for (const Header& header : headers) {
    if (header.name == name) return &header.value;
  }
  return nullptr;
}

}  // namespace thimble::service
