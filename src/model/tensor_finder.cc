// SPDX-License-Identifier: Apache-2.0
#include "model/tensor_finder.h"

#include "base/text.h"
#include "files/tensor_table.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

namespace thimble {

namespace {

using Shape = std::vector<std::int64_t>;

Shape WithoutOnes(const Shape& shape) {
  Shape kept;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(kept), [](std::int64_t size) { return size != 1; });
  return kept;
}

std::string ShapeText(const Shape& shape) {
  TensorEntry entry;
  entry.shape = shape;
  return entry.ShapeText();
}

void Note(const TensorEntry* tensor, TensorFinder::LookedAt* looked_at) {
  if (looked_at != nullptr && tensor != nullptr) looked_at->insert(tensor);
}

// Names under which one factor for a whole matrix lies beside it (files with NVFP4 weights have them): llama.cpp's, and
// what converters write that only append.
std::array<std::string, 2> ScaleNames(std::string_view weight) {
  constexpr std::string_view kEnd = ".weight";
  const std::string_view stem = weight.ends_with(kEnd) ? weight.substr(0, weight.size() - kEnd.size()) : weight;
  return {Cat(stem, ".scale"), Cat(weight, ".scale")};
}

// The factor beside a matrix of a GGUF: at most one, of one number.
Status FindScale(FoundTensor* found, TensorFinder::LookedAt* looked_at) {
  if (found->file->format() != ModelFile::Format::kGguf) return Done{};
  for (const std::string& name : ScaleNames(found->tensor->name)) {
    const TensorEntry* scale = found->file->Find(name);
    if (scale == nullptr) continue;
    const auto fault = [&](std::string_view what) {
      return Error{Code::kUnsupported, Cat("[load] ", TensorFinder::PathOf(*found->file, *scale), ": tensor ",
                                           QuoteName(scale->name), " ", what)};
    };
    if (found->scale_tensor != nullptr)
      return fault(Cat("is a second factor beside ", QuoteName(found->scale_tensor->name), "; one is applied"));
    if (scale->num_elements() != 1 || TraitsOf(scale->dtype).block_length != 1)
      return fault(Cat("is ", scale->ShapeText(), "; one number for a whole matrix is applied"));
    found->scale_tensor = scale;
    Note(scale, looked_at);
  }
  return Done{};
}

}  // namespace

const std::string& TensorFinder::PathOf(const ModelFile& file, const TensorEntry& tensor) {
  const auto part = static_cast<std::size_t>(tensor.source);
  return part < file.shard_paths().size() ? file.shard_paths()[part] : file.path();
}

std::string TensorFinder::FullName(const PlannedWeight& weight, const PlannedTensor& wanted) const {
  const ModelFile& file = FileOf(weight.part);
  switch (weight.part) {
    case WeightPart::kDraft:
      return NameOfMtp(file.format(), wanted.name, num_layers_);
    case WeightPart::kTower:
      return Cat(NameOfTower(TowerFormOf(file), wanted.name, weight.layer), wanted.end);
    case WeightPart::kText:
      break;
  }
  const bool is_gguf = file.format() == ModelFile::Format::kGguf;
  return NameOfLayer(is_gguf ? wanted.name.gguf : wanted.name.hf, weight.layer);
}

const TensorEntry* TensorFinder::Locate(const PlannedWeight& weight, const PlannedTensor& wanted) const {
  const ModelFile& file = FileOf(weight.part);
  const std::string full = FullName(weight, wanted);
  if (file.format() != ModelFile::Format::kGguf)
    return weight.part == WeightPart::kTower ? FindHfVision(file, full) : FindHfText(file, full);
  const TensorEntry* tensor = file.Find(full);
  // Some converters leave the suffix out.
  if (tensor == nullptr && full.ends_with("ssm_dt.bias")) tensor = file.Find(full.substr(0, full.size() - 5));
  return tensor;
}

bool TensorFinder::IsCut(const PlannedWeight& weight) const {
  if (weight.pieces.empty()) return false;
  // The first slice has the name of the whole.
  if (weight.kind == WeightKind::kPatch) return TowerFormOf(FileOf(weight.part)) == TowerForm::kGguf;
  return Locate(weight, weight.whole) == nullptr && Locate(weight, weight.pieces.front()) != nullptr;
}

Result<FoundTensor> TensorFinder::FindOne(const PlannedWeight& weight, const PlannedTensor& wanted,
                                          LookedAt* looked_at) const {
  const ModelFile& file = FileOf(weight.part);
  const TensorEntry* tensor = Locate(weight, wanted);
  if (tensor == nullptr) {
    const std::string full = FullName(weight, wanted);
    const std::string spelled = file.format() == ModelFile::Format::kGguf ? full
                                : weight.part == WeightPart::kTower       ? HfVisionName(file, full)
                                                                          : HfTextName(file, full);
    return Error{Code::kCorrupt, Cat("[load] ", file.path(), ": tensor '", EscapeControls(spelled),
                                     "' is missing (expected ", ShapeText(wanted.shapes.front()), ")")};
  }
  Note(tensor, looked_at);
  FoundTensor found{&file, tensor, std::nullopt, nullptr};
  const Shape& first = wanted.shapes.front();
  if (IsMlxPacked(file, *tensor) && first.size() == 2) {
    const MlxTensors beside = MlxTensorsBeside(file, *tensor);
    Note(beside.scales, looked_at);
    Note(beside.biases, looked_at);
    auto mlx = FindMlxTensors(file, *tensor, first[0], first[1]);
    if (!mlx.ok()) return WithPlace(mlx.error(), PathOf(found));
    found.mlx = mlx.value();
    return found;
  }
  if (!tensor->unknown_type.empty()) {
    return Error{Code::kUnsupported, Cat("[load] ", PathOf(found), ": tensor ", QuoteName(tensor->name), " is of type ",
                                         EscapeControls(tensor->unknown_type.substr(0, 20)),
                                         ", which is not read: use the GGUF or the unquantised folder")};
  }
  const Shape size = WithoutOnes(tensor->shape);
  if (std::none_of(wanted.shapes.begin(), wanted.shapes.end(),
                   [&](const Shape& shape) { return WithoutOnes(shape) == size; })) {
    return Error{Code::kCorrupt, Cat("[load] ", PathOf(found), ": tensor '", EscapeControls(tensor->name), "' is ",
                                     tensor->ShapeText(), ", this model needs ", ShapeText(first))};
  }
  return found;
}

Status TensorFinder::CheckAll(const WeightPlan& plan) const {
  for (const PlannedWeight& weight : plan) {
    auto found = Find(weight);
    if (!found.ok()) return found.error();
  }
  return Done{};
}

Result<std::vector<FoundTensor>> TensorFinder::Find(const PlannedWeight& weight, LookedAt* looked_at) const {
  std::vector<FoundTensor> found;
  Status first_error = Done{};
  const auto take = [&](const PlannedTensor& wanted) {
    auto one = FindOne(weight, wanted, looked_at);
    Status status = one.ok() ? Status(Done{}) : Status(one.error());
    if (one.ok() && weight.kind == WeightKind::kMatrix) status = FindScale(&one.value(), looked_at);
    if (status.ok()) {
      found.push_back(std::move(one).value());
    } else if (first_error.ok()) {
      first_error = std::move(status);
    }
  };
  if (IsCut(weight)) {
    for (const PlannedTensor& piece : weight.pieces) take(piece);
  } else {
    take(weight.whole);
  }
  if (!first_error.ok()) return first_error.error();
  return found;
}

}  // namespace thimble
