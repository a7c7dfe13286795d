// SPDX-License-Identifier: Apache-2.0
// Files that only their owner may read: keys, and the page's token.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <string>

namespace thimble::server {

// The file's text. kNotFound; kInvalid: no ordinary file, larger than `most_bytes`, somebody else's, or others may read
// or write it; kSystem.
Result<std::string> ReadPrivateFile(const std::string& path, std::size_t most_bytes);

// The token that the page shows for its own routes: 64 hexadecimal digits from `home`/token, made there (0600, in a
// folder made 0700) where there is none, or always with `renew`. Several that make it at once get the same one.
// Errors: ReadPrivateFile's, and kInvalid where the file holds something else.
Result<std::string> ReadToken(const std::string& home, bool renew);

}  // namespace thimble::server
