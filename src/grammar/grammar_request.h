// SPDX-License-Identifier: Apache-2.0
// GrammarRequest: what a reply must be, so that programs can read it.
#pragma once

#include "files/json.h"

#include <string>
#include <vector>

namespace thimble {

struct GrammarRequest {
  enum class Kind {
    kJsonObject,  // any JSON object
    kJsonSchema,  // what `schema` describes
    kToolCalls,   // calls of `tools`, in the form that Qwen 3.5's template teaches
  } kind = Kind::kJsonObject;
  // kJsonSchema: of the answer. kToolCalls without must_call: of the answer where nothing is called; null: that is
  // text.
  Json schema;
  std::vector<Json> tools;  // kToolCalls: those that may be called, in any form that text/tool_schema.h reads
  // kToolCalls: a call must come, and the answer is nothing else. False: text is free, and a call that is begun in it
  // must be one.
  bool must_call = false;
  bool one_call = false;  // kToolCalls: at most one
  // The client asked for it: objects have no properties beside those that the schema names.
  bool is_strict = false;
  bool is_answer_strict = false;  // kToolCalls: the same for `schema`
};

}  // namespace thimble
