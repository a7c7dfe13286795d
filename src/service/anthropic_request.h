// SPDX-License-Identifier: Apache-2.0
// Bodies of Anthropic's API as an Ask. docs/api.md says which keys are read, ignored and refused.
#pragma once

#include "files/json.h"
#include "service/ask.h"
#include "service/or_fault.h"

namespace thimble::service {

// Of /v1/messages. `body` is an object (request_body.h). Faults are 400 and name the key in `param`.
OrFault<Ask> ParseAnthropicMessages(const Json& body);
// Of /v1/messages/count_tokens: what the answer must be like changes no count, and is not looked at.
OrFault<Ask> ParseAnthropicCount(const Json& body);

}  // namespace thimble::service
