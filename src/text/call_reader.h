// SPDX-License-Identifier: Apache-2.0
// A whole reply's text as calls of tools and text between them.
//
// A value is any text, tags and whole calls among it. So a value ends at the </parameter> before <parameter= or before
// the call's own end. What begins inside a value ends there, and an ending too many belongs to the value as well, since
// the call's own follows: so a call ends at the first of the places where, counted to the reply's end, most calls have
// ended that did not begin after it. That is known only when the reply is over. Where a value holds a beginning without
// an end, or could as well be two values or two calls, there is no telling, and no call.
#pragma once

#include "text/chat.h"
#include "text/tool_call_syntax.h"

#include <optional>
#include <string_view>
#include <vector>

namespace thimble {

// How a reply came to its end: by the model's own will (or a stop string), or for another reason, in the middle of
// anything.
enum class ReplyEnd { kWhole, kCut };

struct ReplyPart {
  std::string_view text;  // as the model wrote it
  std::optional<ToolCall> call;
  std::size_t body = 0;  // of a call: where in `text` the arguments begin
};

// The parts in their order. Calls of declared tools may lack <tool_call>, </function>, </parameter> before a parameter
// that the tool declares, and </tool_call>; may have quotes or spaces around names; and may be JSON ({"name",
// "arguments"}). A value that the reply's end cuts makes all of its call, and what follows, text: never a call.
std::vector<ReplyPart> ReadCalls(std::string_view text, const std::vector<Json>& tools, CallScope scope, ReplyEnd end);

}  // namespace thimble
