// SPDX-License-Identifier: Apache-2.0
// The text inside <tool_call> ... </tool_call> (spec 6.1): a function's name and parameters whose values are plain
// text, given their types by the tool's JSON schema.
#pragma once

#include "text/chat.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

struct FunctionHeader {
  std::string name;
  std::size_t length;  // of the text up to and with ">"
};
// "<function=NAME>" after white space; nullopt while it is not complete or when it is something else.
std::optional<FunctionHeader> ReadFunctionHeader(std::string_view body);

// The whole body; nullopt when it is malformed. `tools` as clients send them, with or without a "function" wrapper.
std::optional<ToolCall> ParseToolCall(std::string_view body, const std::vector<Json>& tools);

}  // namespace thimble
