// SPDX-License-Identifier: Apache-2.0
// The header of a GGUF file (version 2 or 3): key-value table and tensor table.
#pragma once

#include "base/result.h"
#include "files/model_file.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace thimble {

struct GgufHeader {
  Metadata metadata;  // its strings point into the parsed bytes
  // Offsets from the start of the file, each tensor inside it; `source` is 0.
  std::vector<TensorEntry> tensors;
};

// Parses the header of the GGUF file that begins with `prefix` and has `file_bytes` bytes in all, against whose end
// tensors are checked. Does not look at tensor data. kCorrupt, or kUnsupported for versions, types and nesting that we
// do not read.
Result<GgufHeader> ParseGguf(std::span<const std::byte> prefix, std::uint64_t file_bytes);
// The same for a whole file.
inline Result<GgufHeader> ParseGguf(std::span<const std::byte> file) { return ParseGguf(file, file.size()); }

// What a GGUF file says it is, in its own words; empty where it does not say.
struct GgufLabel {
  std::string architecture;  // general.architecture: "qwen35", "clip" (a vision file), "controlvector"
  std::string type;          // general.type: "model", "mmproj", "adapter", "imatrix"
};

// The label of the GGUF file that begins with these bytes: a few kilobytes do, for the keys are at the front. Stops
// without an error at the first thing that it does not understand or that lies beyond the bytes.
GgufLabel ReadGgufLabel(std::span<const std::byte> head);
// The label of a header read whole.
GgufLabel LabelOf(const Metadata& metadata);

}  // namespace thimble
