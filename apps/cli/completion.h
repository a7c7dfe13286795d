// SPDX-License-Identifier: Apache-2.0
// What the Tab key adds in a chat: names of commands, and paths after the commands that take one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::cli {

struct Completion {
  std::string insert;                // to add at the cursor; may be empty
  std::vector<std::string> choices;  // what is possible, when it is more than one
};
// `line` is what stands before the cursor.
Completion Complete(std::string_view line, std::span<const std::string_view> commands);

}  // namespace thimble::cli
