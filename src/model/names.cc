// SPDX-License-Identifier: Apache-2.0
#include "model/names.h"

#include "base/text.h"

#include <array>

namespace thimble {

std::string NameOfLayer(std::string_view pattern, int layer) {
  const std::size_t at = pattern.find("{}");
  if (at == std::string_view::npos) return std::string(pattern);
  return Cat(pattern.substr(0, at), layer, pattern.substr(at + 2));
}

namespace {

template <std::size_t kCount>
const TensorEntry* FindUnder(const ModelFile& file, const std::array<std::string_view, kCount>& prefixes,
                             std::string_view name) {
  for (const std::string_view prefix : prefixes) {
    if (const TensorEntry* entry = file.Find(Cat(prefix, name)); entry != nullptr) return entry;
  }
  return nullptr;
}

}  // namespace

const TensorEntry* FindHfText(const ModelFile& file, std::string_view name) {
  static constexpr std::array<std::string_view, 5> kPrefixes = {"model.language_model.", "model.", "",
                                                                "language_model.model.", "language_model."};
  return FindUnder(file, kPrefixes, name);
}

const TensorEntry* FindHfVision(const ModelFile& file, std::string_view name) {
  static constexpr std::array<std::string_view, 3> kPrefixes = {"model.visual.", "visual.", "model.model.visual."};
  return FindUnder(file, kPrefixes, name);
}

}  // namespace thimble
