// SPDX-License-Identifier: Apache-2.0
// What the command says of an error: its message, and what helps in the command's own options.
#pragma once

#include "base/result.h"

#include <string>

namespace thimble::cli {

// "[context] the prompt has 70 tokens, the context 64; shorten it, or raise --context (at most 4096)".
std::string WordsOf(const Error& error);

}  // namespace thimble::cli
