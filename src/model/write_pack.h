// SPDX-License-Identifier: Apache-2.0
// Writing a whole pack (files/whole_pack.h): a model that needs no other file, laid out for the kernels already.
#pragma once

#include "files/pack_file.h"
#include "model/load.h"

#include <cstdint>

namespace thimble {

// Which of a model's files becomes a pack: a vision file of its own gets one of its own.
enum class PackedFile { kText, kVision };

// Writes the pack of one file in one go: each matrix is packed, written and let go before the next one, so that the
// model is never held as a whole. Of `options` pool, progress and tower_floats count; the pack is for processors with
// the same tower_floats. Errors as LoadWeights, and the sink's.
Status WritePack(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options,
                 PackedFile which, const PackWriter::Sink& sink);

}  // namespace thimble
