// SPDX-License-Identifier: Apache-2.0
// Headers of safetensors files, and the index that says which of several files holds which tensor.
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "sys/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

// The tensors of the safetensors file that begins with `prefix`, which holds the header whole, and has `file_bytes`
// bytes in all; in the order of the header. Offsets count from the start of the file; `source` is 0. Types other than
// F32, F16 and BF16 are listed with `unknown_type`. kCorrupt when the header contradicts the format or the file's size.
Result<std::vector<TensorEntry>> ParseSafetensors(std::span<const std::byte> prefix, std::uint64_t file_bytes);
// The same for a whole file.
inline Result<std::vector<TensorEntry>> ParseSafetensors(std::span<const std::byte> file) {
  return ParseSafetensors(file, file.size());
}
// Reads no more of a source than its header. Errors as ParseSafetensors', and the source's.
Result<std::vector<TensorEntry>> ReadSafetensorsHeader(const ByteSource& source);

// The file of that map, beside its parts.
inline constexpr std::string_view kSafetensorsIndexName = "model.safetensors.index.json";
// The weight_map of a model.safetensors.index.json: tensor name -> file name. kCorrupt when it is not of that form, or
// names a file outside its folder.
Result<std::map<std::string, std::string>> ParseSafetensorsIndex(std::string_view text);

}  // namespace thimble
