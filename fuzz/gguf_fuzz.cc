// SPDX-License-Identifier: Apache-2.0
// Any bytes as a GGUF file. The only legal outcomes are an error or a model whose tensors lie inside the bytes; the
// same whether the bytes are in memory or read in pieces.

#include "files/model_file.h"
#include "sources.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto view = std::as_bytes(std::span(bytes, size));
  const auto whole = thimble::MemorySource(std::vector<std::byte>(view.begin(), view.end()));
  const auto model = thimble::ModelFile::FromGguf(whole, "fuzz");
  const auto pieces = thimble::ModelFile::FromGguf(thimble::testing::Copying(whole), "fuzz");
  if (model.ok() != pieces.ok()) std::abort();
  if (!model.ok() && model.error().message != pieces.error().message) std::abort();
  if (!model.ok()) {
    if (model.error().message.empty()) std::abort();
    return 0;
  }
  unsigned touched = 0;  // reads every byte that a view promises, so that the sanitizer sees them
  for (const thimble::TensorEntry& tensor : model.value().tensors()) {
    const auto content = model.value().View(tensor);
    if (!content.ok() || content.value().size() != tensor.size_bytes || tensor.num_elements() < 0) std::abort();
    for (const std::byte byte : content.value()) touched += static_cast<unsigned>(byte);
    if (model.value().Find(tensor.name) != &tensor) std::abort();
  }
  for (const auto& [key, value] : model.value().metadata().values()) {
    const thimble::Metadata& keys = model.value().metadata();
    if (const auto text = keys.String(key)) touched += static_cast<unsigned>(text->size());
    if (keys.Int(key) && keys.Float(key) && *keys.Float(key) != static_cast<double>(*keys.Int(key))) std::abort();
    for (const std::string_view text : value.strings) {
      for (const char c : text) touched += static_cast<unsigned char>(c);
    }
  }
  [[maybe_unused]] static volatile unsigned sink = 0;
  sink = touched;
  return 0;
}
