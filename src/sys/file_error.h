// SPDX-License-Identifier: Apache-2.0
// How a refusal of the file system becomes an Error.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <system_error>

namespace thimble {

// "path: [file] cannot open it: No such file or directory". kNotFound where nothing is there, kInvalid for a folder in
// a file's place, kSystem otherwise.
Error FileError(const std::string& path, std::string_view action, const std::error_code& why);

}  // namespace thimble
