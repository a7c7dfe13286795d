// SPDX-License-Identifier: Apache-2.0
// A whole pack as a file: `thimble pack`.
#pragma once

#include "model/write_pack.h"

#include <cstdint>
#include <string>

namespace thimble::host {

// Writes the whole pack of one of the model's files to `path`, which must not be there yet: whole or not at all. The
// bytes written. Errors: what loading such a model would give; kInvalid where `path` is taken; kExhausted where the
// disk would be left too full.
Result<std::uint64_t> WritePackFile(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                                    const LoadOptions& options, PackedFile which, const std::string& path);

}  // namespace thimble::host
