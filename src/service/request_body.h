// SPDX-License-Identifier: Apache-2.0
// The body of a request as JSON, within bounds that are looked at before anything is allocated.
#pragma once

#include "files/json.h"
#include "service/or_fault.h"

#include <cstddef>
#include <string_view>

namespace thimble::service {

inline constexpr int kMostBodyDepth = 64;
// Each takes some 100 bytes as a value: a body of "[0,0,0,..." would become many times its size.
inline constexpr std::size_t kMostBodyValues = 500'000;

// The object that `body` holds. 400 for anything else: what is not JSON (a lone surrogate and a number beyond a
// double's range are not), no object, more than 64 levels, too many values. No message quotes the body.
OrFault<Json> ParseBody(std::string_view body);

}  // namespace thimble::service
