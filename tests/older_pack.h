// SPDX-License-Identifier: Apache-2.0
// Packs as another version of the program would have left them.
#pragma once

#include "files/pack_file.h"
#include "sys/byte_source.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace thimble::testing {

class BytesInMemory : public ByteSource {
 public:
  explicit BytesInMemory(std::span<const std::byte> bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    THIMBLE_RETURN_IF_ERROR(CheckRange(offset, size));
    return Bytes::Borrowed(bytes_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)));
  }

 private:
  std::span<const std::byte> bytes_;
};

// The same pack with panels of another revision, its checksums right.
inline std::vector<std::byte> OfAnotherRevision(std::span<const std::byte> pack) {
  std::vector<std::byte> out;
  const BytesInMemory source(pack);
  const auto table = ParsePackFile(source);
  EXPECT_TRUE(table.ok());
  if (!table.ok()) return out;
  PackHeader header = table.value().header;
  --header.panel_revision;
  const auto keep = [&out](std::span<const std::byte> bytes) -> Status {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return Done{};
  };
  PackWriter writer(std::move(header), keep, nullptr);
  for (const PackedEntry& entry : table.value().entries) {
    const auto bytes = pack.subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.size_bytes));
    EXPECT_TRUE(writer.Add(entry, bytes).ok());
  }
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_TRUE(ParsePackFile(BytesInMemory(out)).ok());
  return out;
}

}  // namespace thimble::testing
