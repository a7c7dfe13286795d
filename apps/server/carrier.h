// SPDX-License-Identifier: Apache-2.0
// What all connections share. Everything here is touched by the I/O thread only.
#pragma once

#include "server/gate.h"
#include "server/limits.h"
#include "server/network.h"
#include "server/opening_code.h"
#include "service/exchange.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <set>

namespace thimble::server {

class Connection;

struct Carrier {
  boost::asio::io_context io{1};
  Limits limits;
  GateRules rules;
  service::Handler* handler = nullptr;
  FailureDelay failures;
  std::optional<OpeningCodes> codes;  // nullopt: the page is opened with its token only
  std::size_t body_bytes = 0;         // of requests' bodies that are being read
  bool is_stopping = false;
  std::set<std::shared_ptr<Connection>> connections;
};

}  // namespace thimble::server
