// SPDX-License-Identifier: Apache-2.0
// The first lines of an answer, as text.
#pragma once

#include "service/exchange.h"

#include <optional>
#include <string>
#include <vector>

namespace thimble::server {

struct HeadFacts {
  int status = 200;
  std::optional<std::size_t> length;  // of the body, where it is known
  bool is_chunked = false;            // the body's form where it is not
  bool closes = false;                // the connection ends behind this answer
  bool keeps = false;                 // a client of HTTP/1.0 asked for the connection to stay
};

// Status line and headers, to the blank line. `headers` are the service's; what belongs to the connection (lengths,
// Connection, Date) is left out of them. To these come the headers that keep
// browsers from using an answer for more than it is, where the service says nothing else.
std::string WriteHead(const HeadFacts& facts, const std::vector<service::Header>& headers);

// "Not Found"; an empty text for what has no name here.
std::string_view ReasonOf(int status);

}  // namespace thimble::server
