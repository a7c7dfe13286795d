// SPDX-License-Identifier: Apache-2.0
// Any bytes as a safetensors file, and as the index of a sharded model. The only legal outcomes are an error, or
// tensors inside the bytes and file names without a folder.

#include "files/safetensors.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto tensors = thimble::ParseSafetensors(std::as_bytes(std::span(bytes, size)));
  if (tensors.ok()) {
    for (const thimble::TensorEntry& tensor : tensors.value()) {
      if (tensor.offset > size || tensor.size_bytes > size - tensor.offset || tensor.num_elements() < 0) std::abort();
      const bool is_known = tensor.unknown_type.empty();
      const auto element_bytes = static_cast<std::uint64_t>(thimble::TraitsOf(tensor.dtype).block_bytes);
      if (is_known && static_cast<std::uint64_t>(tensor.num_elements()) * element_bytes != tensor.size_bytes)
        std::abort();
    }
  } else if (tensors.error().message.empty()) {
    std::abort();
  }
  const auto index = thimble::ParseSafetensorsIndex({reinterpret_cast<const char*>(bytes), size});
  if (!index.ok()) return 0;
  for (const auto& [tensor, file] : index.value()) {
    if (file.find('/') != std::string::npos || file.find('\0') != std::string::npos || file.starts_with(".."))
      std::abort();
  }
  return 0;
}
