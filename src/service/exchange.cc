// SPDX-License-Identifier: Apache-2.0
#include "service/exchange.h"

#include <utility>

namespace thimble::service {

const std::string* Request::FindHeader(std::string_view name) const {
  for (const Header& header : headers) {
    if (header.name == name) return &header.value;
  }
  return nullptr;
}

WholeAnswer JsonAnswer(std::string body, int status) {
  return {status, {{"content-type", "application/json"}}, std::move(body)};
}

}  // namespace thimble::service
