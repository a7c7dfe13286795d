// SPDX-License-Identifier: Apache-2.0
// The form in which packed weights are kept, ready to be mapped: the pack cache beside a model, and the whole pack that
// stands in a model's place. Little-endian:
//
//   header   128 bytes: "THIMPACK", u32 kPackFileVersion, u32 panel revision, 64 hexadecimal digits that name the model
//            file by its content, u32 1 for a whole pack and 0 for a cache, zeros
//   entries  one after the other, each at its offset: matrices at multiples of 4,096, others of 64, zeros between them
//   table    per entry: u64 offset, u64 bytes, u64 checksum, i64 rows, i64 columns, u32 kind, u32 type in the model
//            file, u32 packed family, u32 bytes of the name, the name
//   trailer  32 bytes: u64 offset of the table, u64 bytes of the whole file, u32 number of entries, u32 bytes of the
//            table, u64 Checksum of header, table and the 24 bytes before
//
// So it can be written in one go, each entry as soon as it is there. What the numbers of types, families and revisions
// mean is not known here.
#pragma once

#include "base/result.h"
#include "sys/byte_source.h"
#include "sys/thread_pool.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace thimble {

inline constexpr std::uint32_t kPackFileVersion = 2;
inline constexpr std::uint64_t kPackAlignment = 4096;     // of matrices
inline constexpr std::uint64_t kPackSmallAlignment = 64;  // of everything else
inline constexpr std::size_t kPackIdentityDigits = 64;
// Entries are summed up in chunks of this size, so that threads can share one: the checksum of an entry is that of its
// chunks' checksums, 8 bytes each.
inline constexpr std::uint64_t kPackChunkBytes = std::uint64_t{1} << 20;

enum class PackedKind : std::uint32_t {
  kMatrix = 0,  // a packed matrix, by the name of its tensor
  kTensor = 1,  // whole pack: a tensor's bytes as the model file holds them
  kHead = 2,    // whole pack: the begin of a file of the model, up to its tensors; `rows` is that file's size
  kFile = 3,    // whole pack: a file beside the weights (config.json)
};

struct PackedEntry {
  std::string name;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t checksum = 0;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  PackedKind kind = PackedKind::kMatrix;
  std::uint32_t dtype = 0;
  std::uint32_t family = 0;
};

struct PackHeader {
  std::uint32_t panel_revision = 0;
  std::string identity;  // kPackIdentityDigits characters
  bool is_whole = false;
};

struct PackTable {
  PackHeader header;
  std::vector<PackedEntry> entries;
};

// Reads header and table. kUnsupported for another version; kCorrupt for whatever contradicts the form. Every entry
// lies inside the file, a matrix's rows and columns are positive; the entries' checksums have not been looked at.
Result<PackTable> ParsePackFile(const ByteSource& file);

// The sum by which an entry is checked, computed by all threads; `pool` may be nullptr.
std::uint64_t PackChecksum(std::span<const std::byte> bytes, ThreadPool* pool);

// Bytes of a file of these entries, whose names and sizes count.
std::uint64_t PackFileBytes(std::span<const PackedEntry> entries);

// Writes such a file piece by piece. The sink's first error ends it.
class PackWriter {
 public:
  using Sink = std::function<Status(std::span<const std::byte>)>;

  // `pool` may be nullptr.
  PackWriter(PackHeader header, Sink sink, ThreadPool* pool);

  // Offset and size are filled in, so is a checksum of 0.
  Status Add(PackedEntry entry, std::span<const std::byte> bytes);
  // Table and trailer. Nothing may be added afterwards.
  Status Finish();

 private:
  Status Put(std::span<const std::byte> bytes);
  Status PadTo(std::uint64_t offset);

  std::vector<std::byte> header_;
  Sink sink_;
  ThreadPool* pool_;
  std::vector<PackedEntry> entries_;
  std::uint64_t position_ = 0;
};

}  // namespace thimble
