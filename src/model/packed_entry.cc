// SPDX-License-Identifier: Apache-2.0
#include "model/packed_entry.h"

#include <utility>

namespace thimble {

PackedEntry EntryOf(const std::string& name, const PackedMatrix& matrix) {
  PackedEntry entry;
  entry.name = name;
  entry.size_bytes = matrix.size_bytes();
  entry.rows = matrix.rows();
  entry.cols = matrix.cols();
  entry.kind = PackedKind::kMatrix;
  entry.dtype = static_cast<std::uint32_t>(matrix.dtype());
  entry.family = static_cast<std::uint32_t>(matrix.family());
  return entry;
}

std::optional<PackedMatrix> ReadPackedEntry(const ByteSource& source, const PackedEntry& entry, DType dtype,
                                            kernels::Family family, std::int64_t rows, std::int64_t cols,
                                            ThreadPool* pool) {
  if (entry.kind != PackedKind::kMatrix || entry.dtype != static_cast<std::uint32_t>(dtype) ||
      entry.family != static_cast<std::uint32_t>(family) || entry.rows != rows || entry.cols != cols ||
      entry.size_bytes != PackedMatrix::PackedBytes(family, rows, cols)) {
    return std::nullopt;
  }
  auto bytes = source.View(entry.offset, entry.size_bytes);
  if (!bytes.ok() || PackChecksum(bytes.value().span(), pool) != entry.checksum) return std::nullopt;
  if (bytes.value().is_borrowed()) return PackedMatrix::FromPanels(dtype, family, rows, cols, bytes.value().span());
  return PackedMatrix::FromOwnedPanels(dtype, family, rows, cols, std::move(bytes).value().TakeBuffer());
}

}  // namespace thimble
