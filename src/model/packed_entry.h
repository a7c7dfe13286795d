// SPDX-License-Identifier: Apache-2.0
// Packed matrices as entries of a pack file, and back.
#pragma once

#include "files/pack_file.h"
#include "ops/packed_matrix.h"

#include <cstdint>
#include <optional>
#include <string>

namespace thimble {

// Without offset and checksum.
PackedEntry EntryOf(const std::string& name, const PackedMatrix& matrix);

// The matrix over the source's bytes, or a copy where the source only lends copies. nullopt where the entry is of
// another type, family or size, its bytes cannot be read, or their checksum is wrong.
std::optional<PackedMatrix> ReadPackedEntry(const ByteSource& source, const PackedEntry& entry, DType dtype,
                                            kernels::Family family, std::int64_t rows, std::int64_t cols,
                                            ThreadPool* pool);

}  // namespace thimble
