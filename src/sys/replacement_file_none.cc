// SPDX-License-Identifier: Apache-2.0
#include "sys/replacement_file.h"

namespace thimble {

Result<std::unique_ptr<ReplacementFile>> ReplacementFile::Begin(const std::string& path, std::uint64_t /*size_bytes*/) {
  return Error{Code::kSystem, path + ": [file] this system has no folders to write into"};
}

}  // namespace thimble
