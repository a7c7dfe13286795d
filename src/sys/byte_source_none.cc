// SPDX-License-Identifier: Apache-2.0
// MapFile for systems without mmap (WebAssembly): the file is read into memory.
#include "sys/byte_source.h"

namespace thimble {

Result<std::shared_ptr<const ByteSource>> MapFile(const std::string& path) {
  // Half of what an address can name: what is larger cannot be held.
  THIMBLE_ASSIGN_OR_RETURN(std::vector<std::byte> bytes, ReadFile(path, SIZE_MAX / 2));
  return MemorySource(std::move(bytes));
}

Result<std::shared_ptr<const ByteSource>> ReadDescriptor(int /*descriptor*/) {
  return Error{Code::kUnsupported, "[file] this system lends no open files; give the bytes"};
}

}  // namespace thimble
