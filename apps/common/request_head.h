// SPDX-License-Identifier: Apache-2.0
// Heads of requests and of answers as JSON, as carriers without HTTP hand them over. Untrusted.
#pragma once

#include "base/result.h"
#include "files/json.h"
#include "service/exchange.h"

#include <span>
#include <string>
#include <string_view>

namespace thimble::common {

// {"method": "GET", "path": "/v1/models", "query": "", "headers": [["name", "value"], ...]}, at most 64 KiB. Names of
// headers become lower case. kInvalid.
Result<service::Request> ParseHead(std::string_view text);
// The same of an object that may hold other things besides.
Result<service::Request> HeadOf(const Json& json);

// [["content-type", "application/json"], ...]
Json HeadersJson(std::span<const service::Header> headers);
std::string HeadersText(std::span<const service::Header> headers);

}  // namespace thimble::common
