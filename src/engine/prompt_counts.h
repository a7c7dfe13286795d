// SPDX-License-Identifier: Apache-2.0
// PromptCounts: how many tokens a request takes, and which of them belong to which message.
#pragma once

#include "engine/picture.h"

#include <cstdint>
#include <vector>

namespace thimble {

struct PromptCounts {
  std::int64_t total = 0;
  // Of a conversation (0 and empty for ids): total = before + messages + answer.
  std::int64_t before = 0;               // tools that no system message stands in front of
  std::vector<std::int64_t> messages;    // of each; results of tools in a row are counted with the first of them
  std::int64_t answer = 0;               // the beginning of the answer
  std::vector<PictureReading> pictures;  // how each of the request's pictures would be read
};

}  // namespace thimble
