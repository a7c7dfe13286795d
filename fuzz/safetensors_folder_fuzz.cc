// SPDX-License-Identifier: Apache-2.0
// Any bytes as the files of a Hugging Face folder: an error, or a model. A file is a byte that chooses its name, its
// length in four bytes, and its content; what is left out of them is as in a folder that is right.
#include "small_model.h"

#include "base/bytes.h"
#include "files/model_file.h"
#include "files/safetensors.h"
#include "model/config.h"

#include <array>

namespace {

using namespace thimble;

constexpr std::array<const char*, 8> kNames = {
    "model-1.safetensors",    "model-2.safetensors",      "model.safetensors.index.json", "config.json",
    "generation_config.json", "preprocessor_config.json", "quantize_config.json",         "adapter_config.json"};

std::map<std::string, std::string> FilesIn(std::span<const std::byte> bytes) {
  std::map<std::string, std::string> files{{"config.json", std::string(fuzz::kSmallConfig)}};
  ByteReader reader(bytes, "fuzz");
  while (reader.remaining() > 0) {
    const auto name = reader.Read<std::uint8_t>();
    const auto length = reader.Read<std::uint32_t>();
    if (!name.ok() || !length.ok()) break;
    const auto content = reader.ReadChars(std::min<std::uint64_t>(length.value(), reader.remaining()));
    files[kNames[name.value() % kNames.size()]] = content.value();
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto files = FilesIn(std::as_bytes(std::span(bytes, size)));
  std::vector<NamedSource> parts;
  std::map<std::string, std::string> index;
  for (const auto& [name, content] : files) {
    if (name.ends_with(".safetensors")) {
      const auto view = std::as_bytes(std::span(content));
      parts.push_back({"fuzz/" + name, MemorySource({view.begin(), view.end()})});
    } else if (name.ends_with(".index.json")) {
      auto parsed = ParseSafetensorsIndex(content);
      if (parsed.ok()) index = std::move(parsed).value();
    }
  }
  const auto folder = fuzz::FolderOf(std::move(parts), files, std::move(index));
  if (!folder.ok()) {
    fuzz::Require(!folder.error().message.empty());
    return 0;
  }
  fuzz::CheckModel(folder.value(), nullptr);
  for (const TensorEntry& tensor : folder.value().tensors()) {
    const auto view = folder.value().View(tensor);
    fuzz::Require(!view.ok() || view.value().size() == tensor.size_bytes);
  }
  return 0;
}
