// SPDX-License-Identifier: Apache-2.0
// Calls of tools in the form that Qwen 3.5's template teaches (spec 6.1), as a structural tag: XGrammar's description,
// in JSON, of text with constrained parts.
#pragma once

#include "base/result.h"
#include "grammar/grammar_request.h"

namespace thimble {

// For a request of kToolCalls. Parameters come in the order in which the tool lists them, those that it does not
// require may be missing, and those that it does not list are not written; a tool without a list takes any. Where a
// parameter's schema is not enforced, a strict request is refused (the error names the tool and the keyword); otherwise
// the parameter is held to its type alone.
Result<Json> ToolCallTag(const GrammarRequest& request);

}  // namespace thimble
