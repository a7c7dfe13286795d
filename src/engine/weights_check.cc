// SPDX-License-Identifier: Apache-2.0
#include "engine/weights_check.h"

#include "base/text.h"
#include "files/tensor_table.h"

#include <algorithm>
#include <string>

namespace thimble {

Status CheckHasWeights(const ModelFile& text, const std::string& what_is_there) {
  if (!text.tensors().empty()) return Done{};
  const std::string place = EscapeControls(text.path());
  if (text.format() == ModelFile::Format::kGguf) {
    return Error{Code::kUnsupported, Cat(place, ": [gguf] holds a vocabulary and no weights: use a file of the model")};
  }
  return Error{Code::kNotFound, Cat(place, ": [folder] holds a vocabulary and no weights (.safetensors or .gguf): ",
                                    "fetch them too", what_is_there)};
}

Status CheckHasNoHoles(const ModelFile& file) {
  if (file.format() != ModelFile::Format::kGguf) return Done{};  // there norms may be stored less one
  for (const TensorEntry& tensor : file.tensors()) {
    const bool is_norm = tensor.name.ends_with("norm.weight") || tensor.name.ends_with(".ln1.weight") ||
                         tensor.name.ends_with(".ln2.weight");
    if (!is_norm || tensor.shape.size() != 1 || tensor.size_bytes == 0) continue;
    const std::string& shard = file.shard_paths()[static_cast<std::size_t>(tensor.source)];
    const auto view = file.View(tensor);
    if (!view.ok()) return WithPlace(view.error(), EscapeControls(shard));
    const Bytes& bytes = view.value();
    if (std::any_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte != std::byte{0}; })) continue;
    return Error{Code::kCorrupt,
                 Cat(EscapeControls(shard), ": [gguf] tensor ", QuoteName(tensor.name),
                     " is nothing but zeros: a download that is not finished? Wait for it to end, or fetch it again")};
  }
  return Done{};
}

}  // namespace thimble
