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

// Prefixes of exports, the released models' own first.
constexpr std::array<std::string_view, 8> kTextPrefixes = {
    "model.language_model.",       "model.",          "",
    "language_model.model.",       "language_model.", "model.language_model.model.",
    "model.model.language_model.", "model.model."};
// transformers' own names, then those of MLX and of classes that wrap the tower.
constexpr std::array<std::string_view, 9> kVisionPrefixes = {"model.visual.",
                                                             "visual.",
                                                             "model.model.visual.",
                                                             "vision_tower.",
                                                             "model.vision_tower.",
                                                             "model.model.vision_tower.",
                                                             "vision_model.",
                                                             "model.vision_model.",
                                                             "model.language_model.visual."};

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
  return FindUnder(file, kTextPrefixes, name);
}

const TensorEntry* FindHfVision(const ModelFile& file, std::string_view name) {
  return FindUnder(file, kVisionPrefixes, name);
}

HfPlace PlaceOfHf(std::string_view full_name) {
  // The longest prefix that fits: "model." alone would leave "visual." in the name.
  HfPlace place{false, full_name};
  std::size_t longest = 0;
  const auto consider = [&](std::string_view prefix, bool is_tower) {
    if (prefix.size() <= longest || !full_name.starts_with(prefix)) return;
    longest = prefix.size();
    place = {is_tower, full_name.substr(prefix.size())};
  };
  for (const std::string_view prefix : kTextPrefixes) consider(prefix, false);
  for (const std::string_view prefix : kVisionPrefixes) consider(prefix, true);
  return place;
}

bool HoldsOllamaTower(const ModelFile& file) {
  return file.format() == ModelFile::Format::kGguf && file.Find(names::kPatch.ollama) != nullptr;
}

TowerForm TowerFormOf(const ModelFile& file) {
  if (file.format() != ModelFile::Format::kGguf) return TowerForm::kHuggingFace;
  return HoldsOllamaTower(file) ? TowerForm::kOllama : TowerForm::kGguf;
}

std::string NameOfTower(TowerForm form, const WeightName& name, int layer) {
  switch (form) {
    case TowerForm::kHuggingFace:
      return NameOfLayer(name.hf, layer);
    case TowerForm::kOllama:
      return NameOfLayer(name.ollama, layer);
    case TowerForm::kGguf:
      break;
  }
  return NameOfLayer(name.gguf, layer);
}

namespace {

// `name` below the first prefix under which the file has one of `anchors`; below the first of all where it has none.
template <std::size_t kPrefixes, std::size_t kAnchors>
std::string SpelledLike(const ModelFile& file, const std::array<std::string_view, kPrefixes>& prefixes,
                        const std::array<std::string_view, kAnchors>& anchors, std::string_view name) {
  for (const std::string_view prefix : prefixes) {
    for (const std::string_view anchor : anchors) {
      if (file.Find(Cat(prefix, anchor)) != nullptr) return Cat(prefix, name);
    }
  }
  return Cat(prefixes[0], name);
}

}  // namespace

std::string HfTextName(const ModelFile& file, std::string_view name) {
  // Outside of the text model's prefix in the released files.
  if (name == names::kOutput.hf || name.starts_with("mtp.")) return std::string(name);
  static constexpr std::array<std::string_view, 3> kAnchors = {"embed_tokens.weight", "norm.weight",
                                                               "layers.0.input_layernorm.weight"};
  return SpelledLike(file, kTextPrefixes, kAnchors, name);
}

std::string HfVisionName(const ModelFile& file, std::string_view name) {
  static constexpr std::array<std::string_view, 3> kAnchors = {"pos_embed.weight", "patch_embed.proj.weight",
                                                               "merger.norm.weight"};
  return SpelledLike(file, kVisionPrefixes, kAnchors, name);
}

std::string NameOfMtp(ModelFile::Format format, const WeightName& name, int num_layers) {
  if (format == ModelFile::Format::kGguf) return NameOfLayer(name.gguf, num_layers);
  // What the head has beyond a layer's weights is named in full.
  if (name.hf.starts_with("mtp.")) return std::string(name.hf);
  return Cat("mtp.", NameOfLayer(name.hf, 0));
}

}  // namespace thimble
