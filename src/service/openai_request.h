// SPDX-License-Identifier: Apache-2.0
// Bodies of OpenAI's API as an Ask. docs/api.md says which keys are read, ignored and refused.
#pragma once

#include "files/json.h"
#include "service/ask.h"
#include "service/or_fault.h"

namespace thimble::service {

// Of /v1/chat/completions. `body` is an object (request_body.h). Faults are 400 and name the key in `param`.
OrFault<Ask> ParseOpenAiChat(const Json& body);
// Of /v1/chat/completions/input_tokens and /apply-template: what the answer must be like changes nothing there, and is
// not looked at.
OrFault<Ask> ParseOpenAiCount(const Json& body);
// Of /v1/completions: one prompt, as text or as token ids. The model reads it as it stands, and the answer is plain
// text.
OrFault<Ask> ParseCompletion(const Json& body);

}  // namespace thimble::service
