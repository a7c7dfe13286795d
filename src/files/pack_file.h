// SPDX-License-Identifier: Apache-2.0
// The pack cache's file: packed matrices of one model file, ready to be mapped. Little-endian:
//
//   header   48 bytes: "THIMPACK", u32 kPackFileVersion, u32 panel revision, u64 identity of the model file,
//            u64 bytes of the whole file, u32 number of matrices, u32 bytes of the table, u64 Checksum of the 40 bytes
//            before and the table
//   table    per matrix: u64 offset (a multiple of 4,096), u64 bytes, u64 checksum, i64 rows, i64 columns, u32 type
//            in the model file, u32 packed family, u32 bytes of the name, the name
//   matrices
//
// What the numbers of types, families and revisions mean is not known here.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace thimble {

inline constexpr std::uint32_t kPackFileVersion = 1;
inline constexpr std::uint64_t kPackAlignment = 4096;
// Matrices are summed up in chunks of this size, so that threads can share one: the checksum of a matrix is that of its
// chunks' checksums, 8 bytes each.
inline constexpr std::uint64_t kPackChunkBytes = std::uint64_t{1} << 20;

struct PackedEntry {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t checksum = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::uint32_t dtype = 0;
  std::uint32_t family = 0;
};

struct PackTable {
  std::uint32_t panel_revision = 0;
  std::uint64_t identity = 0;
  std::vector<PackedEntry> entries;
};

// Reads header and table of a whole file. kUnsupported for another version; kCorrupt for whatever contradicts the form.
// Every entry lies inside `file`, rows and columns are positive; the matrices' checksums have not been looked at.
Result<PackTable> ParsePackFile(std::span<const std::byte> file);

// Sets the entries' offsets, in their order, and returns the whole file's size.
std::uint64_t LayOutPackFile(PackTable* table);
// Header and table, with zeros up to the first matrix, for a table that was laid out.
std::vector<std::byte> EncodePackTable(const PackTable& table);

}  // namespace thimble
