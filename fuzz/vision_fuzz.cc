// SPDX-License-Identifier: Apache-2.0
// Any bytes as the vision file of a small text model: an error, or a tower that fits it and is loaded.
#include "small_model.h"

#include "engine/model_files.h"
#include "files/model_file.h"
#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace thimble;
  static const Result<ModelFile> text = ModelFile::FromGguf(MemorySource(fuzz::SmallGguf()), "text.gguf");
  static const bool is_right = text.ok() && fuzz::CheckModel(text.value(), nullptr);
  fuzz::Require(is_right);
  const auto view = std::as_bytes(std::span(bytes, size));
  const auto vision = ModelFile::FromGguf(MemorySource({view.begin(), view.end()}), "mmproj.gguf");
  if (!vision.ok()) return 0;
  const Status fits = CheckTowerFits(text.value(), vision.value());
  if (!fits.ok()) fuzz::Require(!fits.error().message.empty());
  // A table that fits is one that loads, but for numbers that only reading tells of.
  fuzz::CheckModel(text.value(), &vision.value());
  return 0;
}
