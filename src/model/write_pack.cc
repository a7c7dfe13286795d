// SPDX-License-Identifier: Apache-2.0
#include "model/write_pack.h"

#include "base/check.h"
#include "base/text.h"
#include "kernels/formats.h"
#include "model/loader.h"
#include "model/packed_entry.h"
#include "sys/folder.h"

#include <array>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace thimble {

namespace {

// What may lie beside safetensors and is read from there.
constexpr std::array<std::string_view, 11> kSideFiles = {"config.json",
                                                         "tokenizer.json",
                                                         "tokenizer_config.json",
                                                         "chat_template.jinja",
                                                         "chat_template.json",
                                                         "generation_config.json",
                                                         "preprocessor_config.json",
                                                         "processor_config.json",
                                                         "video_preprocessor_config.json",
                                                         "special_tokens_map.json",
                                                         "model.safetensors.index.json"};

PackedEntry Named(std::string name, PackedKind kind) {
  PackedEntry entry;
  entry.name = std::move(name);
  entry.kind = kind;
  return entry;
}

Status WriteHeads(const ModelFile& file, PackWriter* writer) {
  for (std::size_t part = 0; part < file.shard_paths().size(); ++part) {
    THIMBLE_ASSIGN_OR_RETURN(const Bytes head, file.ViewHead(static_cast<int>(part)));
    PackedEntry entry = Named(NameOf(file.shard_paths()[part]), PackedKind::kHead);
    entry.rows = static_cast<std::int64_t>(file.PartBytes(static_cast<int>(part)));
    entry.dtype = static_cast<std::uint32_t>(part);
    THIMBLE_RETURN_IF_ERROR(writer->Add(std::move(entry), head.span()));
  }
  if (file.format() == ModelFile::Format::kGguf) return Done{};
  for (const std::string_view name : kSideFiles) {
    const auto text = file.SideFile(std::string(name));
    if (!text.ok() && text.error().code == Code::kNotFound) continue;
    if (!text.ok()) return text.error();
    THIMBLE_RETURN_IF_ERROR(
        writer->Add(Named(std::string(name), PackedKind::kFile), std::as_bytes(std::span(text.value()))));
  }
  return Done{};
}

// The tensors that are not packed, as they are.
Status WriteTensors(const ModelFile& file, const std::unordered_set<const TensorEntry*>& packed, PackWriter* writer) {
  for (const TensorEntry& tensor : file.tensors()) {
    if (packed.contains(&tensor) || tensor.size_bytes == 0) continue;
    TensorEntry plain = tensor;
    plain.unknown_type.clear();
    auto bytes = file.View(plain);
    if (!bytes.ok()) return WithPlace(bytes.error(), TensorFinder::PathOf(file, tensor));
    PackedEntry entry = Named(tensor.name, PackedKind::kTensor);
    entry.rows = static_cast<std::int64_t>(tensor.offset);
    entry.dtype = static_cast<std::uint32_t>(tensor.source);
    THIMBLE_RETURN_IF_ERROR(writer->Add(std::move(entry), bytes.value().span()));
    file.Release(tensor);
  }
  return Done{};
}

}  // namespace

Status Loader::WriteMatrices(const ModelFile& file, const WeightPlan& plan, PackWriter* writer,
                             std::unordered_set<const TensorEntry*>* packed) {
  for (const PlannedWeight& weight : plan) {
    if (weight.kind != WeightKind::kMatrix || &finder_.FileOf(weight.part) != &file) continue;
    THIMBLE_ASSIGN_OR_RETURN(const std::vector<FoundTensor> found, finder_.Find(weight));
    // Pieces that are joined stay as they are.
    if (found.size() > 1) continue;
    THIMBLE_RETURN_IF_ERROR(Matrix(weight, found.front()));
    if (weight.matrix->family() != kernels::Family::kFileRows) {
      const TensorEntry* tensor = found.front().tensor;
      const std::span<const std::byte> bytes(weight.matrix->bytes(),
                                             static_cast<std::size_t>(weight.matrix->size_bytes()));
      THIMBLE_RETURN_IF_ERROR(writer->Add(EntryOf(tensor->name, *weight.matrix), bytes));
      packed->insert(tensor);
      if (found.front().mlx.has_value()) packed->insert({found.front().mlx->scales, found.front().mlx->biases});
    }
    *weight.matrix = PackedMatrix();
  }
  return Done{};
}

Status Loader::WritePack(const ModelFile& file, PackWriter* writer) {
  total_ = file.total_bytes();
  THIMBLE_RETURN_IF_ERROR(WriteHeads(file, writer));
  std::unordered_set<const TensorEntry*> packed;
  if (&file == &text_) {
    Weights weights;
    THIMBLE_RETURN_IF_ERROR(WriteMatrices(file, PlanWeights(config_, &weights), writer, &packed));
  }
  if (config_.vision.has_value()) {
    VisionWeights tower;
    THIMBLE_RETURN_IF_ERROR(WriteMatrices(file, PlanTower(*config_.vision, &tower), writer, &packed));
  }
  THIMBLE_RETURN_IF_ERROR(WriteTensors(file, packed, writer));
  return writer->Finish();
}

Status WritePack(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options,
                 PackedFile which, const PackWriter::Sink& sink) {
  THIMBLE_CHECK(which == PackedFile::kText || vision != nullptr);
  const ModelFile& file = which == PackedFile::kText ? text : *vision;
  if (file.pack() != nullptr)
    return Error{Code::kInvalid, Cat("[pack] ", file.path(), " is a pack already: import from the model's own files")};
  LoadOptions own = options;
  own.precision = Precision::kFast;
  own.pack_cache = {};
  THIMBLE_ASSIGN_OR_RETURN(std::string identity, file.Identity());
  PackWriter writer({kernels::kPanelRevision, std::move(identity), true}, sink, own.pool);
  return Loader(text, vision, config, own).WritePack(file, &writer);
}

}  // namespace thimble
