// SPDX-License-Identifier: Apache-2.0
// How full the context of a chat is, in words: /context, and the note about what was left out.
#pragma once

#include "talk/conversation.h"

#include <span>
#include <string>
#include <vector>

namespace thimble::cli {

// One line for each thing that the model reads, and for each picture that the next message would bring. `use` is
// what `talk` counted for `attached`.
std::vector<std::string> ContextLines(const Conversation& talk, const ContextUse& use,
                                      std::span<const Attachment> attached);
// "the first 2 exchanges (1,204 tokens) no longer fit and were left out".
std::string LeftOutLine(const LeftOut& now, bool is_first);

}  // namespace thimble::cli
