// SPDX-License-Identifier: Apache-2.0
// Errors as clients expect them: a status, and a body in the form of the API that the path belongs to.
#pragma once

#include "base/result.h"
#include "service/exchange.h"

#include <string>
#include <string_view>

namespace thimble::service {

// What went wrong, in the words of HTTP and OpenAI's API.
struct Fault {
  int status = 400;
  std::string type;     // "invalid_request_error"; empty: what the status says
  std::string code;     // "context_length_exceeded"; empty: none
  std::string param;    // the request's key that is wrong; empty: none
  std::string message;  // without paths of files, without the user's words
};

// The answer for a request to `path`: Anthropic's form under /v1/messages, else OpenAI's.
WholeAnswer MakeError(std::string_view path, const Fault& fault);
// An error of ours as a fault: kInvalid, kUnsupported, kCorrupt and kNotFound of what the client sent are 400,
// kExhausted 503; everything else 500.
Fault FaultOf(const Error& error);

}  // namespace thimble::service
