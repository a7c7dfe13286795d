// SPDX-License-Identifier: Apache-2.0
// MODEL on the command line.
#pragma once

#include "base/result.h"

#include <string>

namespace thimble::cli {

// The path behind MODEL (host/store.h says what it may be). kNotFound says what to do, in the command's words.
Result<std::string> ResolveModel(const std::string& text);

}  // namespace thimble::cli
