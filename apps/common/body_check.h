// SPDX-License-Identifier: Apache-2.0
// What the body of a request may take, where carriers have no connection to close.
#pragma once

#include "service/exchange.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace thimble::common {

struct BodySize {
  std::uint64_t bytes = 0;  // of it, as far as is known
  std::uint64_t most = 0;   // that the service takes
  bool is_kept = false;     // in memory, not handed on piece by piece
};

// The refusal of a body that is too long, or that memory has no room for: once as it came and once as it is read.
// `free`: bytes of memory; 0: unknown.
std::optional<service::WholeAnswer> CheckBody(const std::string& path, const BodySize& body, std::uint64_t free);

// Hands a piece to who takes them. The answer where that fails.
std::optional<service::WholeAnswer> GivePiece(const std::string& path, service::BodyReceiver* receiver,
                                              std::span<const std::uint8_t> piece);

}  // namespace thimble::common
