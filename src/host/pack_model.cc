// SPDX-License-Identifier: Apache-2.0
#include "host/pack_model.h"

#include "base/text.h"
#include "sys/folder.h"
#include "sys/replacement_file.h"

namespace thimble::host {

namespace {

// About what the pack will take: what is packed, and at most all that is not.
std::uint64_t RoomFor(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                      const LoadOptions& options, PackedFile which) {
  if (which == PackedFile::kVision) return TowerBytes(text, vision, config, options);
  const MemoryNeeds needs =
      EstimateMemory(text, vision, config, Precision::kFast, KvType::kF16, options.tower_floats, 1, 0, 1);
  return needs.weights_bytes + needs.mapped_bytes;
}

}  // namespace

Result<std::uint64_t> WritePackFile(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                                    const LoadOptions& options, PackedFile which, const std::string& path) {
  if (KindOfPath(path) != PathKind::kNothing)
    return Error{Code::kInvalid, Cat(EscapeControls(path), ": [pack] is there already; choose another name")};
  // All that loading would find wrong is told before anything is written.
  THIMBLE_RETURN_IF_ERROR(CheckUnused(FindUnusedTensors(text, vision, config)));
  THIMBLE_RETURN_IF_ERROR(CheckTensors(text, vision, config));
  THIMBLE_ASSIGN_OR_RETURN(const auto file,
                           ReplacementFile::Begin(path, RoomFor(text, vision, config, options, which)));
  std::uint64_t written = 0;
  THIMBLE_RETURN_IF_ERROR(
      WritePack(text, vision, config, options, which, [&](std::span<const std::byte> bytes) -> Status {
        written += bytes.size();
        return file->Append(bytes);
      }));
  THIMBLE_RETURN_IF_ERROR(file->Commit());
  return written;
}

}  // namespace thimble::host
