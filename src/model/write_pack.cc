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

}  // namespace

Status Loader::WriteMatrix(const ModelFile& file, const PlannedWeight& weight, PackWriter* writer,
                           std::unordered_set<const TensorEntry*>* packed) {
  if (weight.kind != WeightKind::kMatrix || &finder_.FileOf(weight.part) != &file) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(const std::vector<FoundTensor> found, finder_.Find(weight));
  // Pieces that are joined stay as they are.
  if (found.size() > 1) return Done{};
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
  return Done{};
}

struct PackMaker::Parts {
  Parts(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& how,
        PackedFile which, PackHeader header, PackWriter::Sink sink)
      : file(which == PackedFile::kText ? text : *vision),
        options(how),
        loader(text, vision, config, options),
        writer(std::move(header), std::move(sink), options.pool) {
    loader.ExpectBytes(file.total_bytes());
    if (which == PackedFile::kText) plan = PlanWeights(config, &weights);
    if (!config.vision.has_value()) return;
    for (PlannedWeight& weight : PlanTower(*config.vision, &tower)) plan.push_back(std::move(weight));
  }

  const ModelFile& file;
  const LoadOptions options;
  Loader loader;
  PackWriter writer;
  // Where the plan's matrices lie for as long as each is written.
  Weights weights;
  VisionWeights tower;
  WeightPlan plan;
  bool has_heads = false;
  std::size_t next_weight = 0;
  std::size_t next_tensor = 0;
  std::unordered_set<const TensorEntry*> packed;
};

bool HasLayoutOfThis(const PackHeader& header) { return header.panel_revision == kernels::kPanelRevision; }

PackMaker::PackMaker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PackMaker::~PackMaker() = default;

Result<std::unique_ptr<PackMaker>> PackMaker::Begin(const ModelFile& text, const ModelFile* vision,
                                                    const ModelConfig& config, const LoadOptions& options,
                                                    PackedFile which, PackWriter::Sink sink) {
  THIMBLE_CHECK(which == PackedFile::kText || vision != nullptr);
  const ModelFile& file = which == PackedFile::kText ? text : *vision;
  if (file.pack() != nullptr)
    return Error{Code::kInvalid, Cat("[pack] ", file.path(), " is a pack already: import from the model's own files")};
  LoadOptions own = options;
  own.precision = Precision::kFast;
  own.pack_cache = {};
  THIMBLE_ASSIGN_OR_RETURN(std::string identity, file.Identity());
  PackHeader header{kernels::kPanelRevision, std::move(identity), true};
  return std::unique_ptr<PackMaker>(
      new PackMaker(std::make_unique<Parts>(text, vision, config, own, which, std::move(header), std::move(sink))));
}

// As it is.
Status PackMaker::WriteTensor(const TensorEntry& tensor) {
  TensorEntry plain = tensor;
  plain.unknown_type.clear();
  auto bytes = parts_->file.View(plain);
  if (!bytes.ok()) return WithPlace(bytes.error(), TensorFinder::PathOf(parts_->file, tensor));
  PackedEntry entry = Named(tensor.name, PackedKind::kTensor);
  entry.rows = static_cast<std::int64_t>(tensor.offset);
  entry.dtype = static_cast<std::uint32_t>(tensor.source);
  THIMBLE_RETURN_IF_ERROR(parts_->writer.Add(std::move(entry), bytes.value().span()));
  parts_->file.Release(tensor);
  return Done{};
}

Result<bool> PackMaker::Step() {
  Parts& p = *parts_;
  if (!std::exchange(p.has_heads, true)) {
    THIMBLE_RETURN_IF_ERROR(WriteHeads(p.file, &p.writer));
    return false;
  }
  if (p.next_weight < p.plan.size()) {
    THIMBLE_RETURN_IF_ERROR(p.loader.WriteMatrix(p.file, p.plan[p.next_weight++], &p.writer, &p.packed));
    return false;
  }
  if (p.next_tensor < p.file.tensors().size()) {
    const TensorEntry& tensor = p.file.tensors()[p.next_tensor++];
    if (!p.packed.contains(&tensor) && tensor.size_bytes > 0) THIMBLE_RETURN_IF_ERROR(WriteTensor(tensor));
    return false;
  }
  THIMBLE_RETURN_IF_ERROR(p.writer.Finish());
  return true;
}

Status WritePack(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options,
                 PackedFile which, const PackWriter::Sink& sink) {
  THIMBLE_ASSIGN_OR_RETURN(const auto maker, PackMaker::Begin(text, vision, config, options, which, sink));
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const bool is_over, maker->Step());
    if (is_over) return Done{};
  }
}

}  // namespace thimble
