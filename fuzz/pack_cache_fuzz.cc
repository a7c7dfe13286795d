// SPDX-License-Identifier: Apache-2.0
// Any bytes as a pack cache. The only legal outcomes are an error or a table whose matrices lie inside the bytes; and
// what was read can be written and read again. The checksum is put right first, or hardly any input would get past it.

#include "base/checksum.h"
#include "files/pack_file.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace {

void Check(std::span<const std::byte> file) {
  const auto table = thimble::ParsePackFile(file);
  if (!table.ok()) {
    if (table.error().message.empty()) std::abort();
    return;
  }
  for (const thimble::PackedEntry& entry : table.value().entries) {
    if (entry.offset > file.size() || entry.size_bytes > file.size() - entry.offset) std::abort();
    if (entry.rows <= 0 || entry.cols <= 0) std::abort();
    // Reads every byte that the entry promises, so that the sanitizer sees them.
    [[maybe_unused]] static volatile std::uint64_t sink = 0;
    sink = thimble::Checksum(
        file.subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.size_bytes)));
  }
  thimble::PackTable again = table.value();
  // Matrices may share bytes in a file that nobody wrote; laid out anew they do not, and that may be much.
  const std::uint64_t size = thimble::LayOutPackFile(&again);
  if (size > (1u << 24)) return;
  std::vector<std::byte> written = thimble::EncodePackTable(again);
  written.resize(static_cast<std::size_t>(size));
  const auto read = thimble::ParsePackFile(written);
  if (!read.ok() || read.value().entries.size() != again.entries.size()) std::abort();
  for (std::size_t i = 0; i < again.entries.size(); ++i) {
    if (read.value().entries[i].name != again.entries[i].name) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto view = std::as_bytes(std::span(bytes, size));
  Check(view);
  constexpr std::size_t kHeaderBytes = 48;
  if (size < kHeaderBytes) return 0;
  std::vector<std::byte> file(view.begin(), view.end());
  const std::uint64_t file_bytes = size;
  std::memcpy(file.data() + 24, &file_bytes, sizeof file_bytes);
  std::uint32_t table_bytes = 0;
  std::memcpy(&table_bytes, file.data() + 36, sizeof table_bytes);
  if (table_bytes > size - kHeaderBytes) return 0;
  const std::span<const std::byte> whole = file;
  const std::uint64_t sum =
      thimble::Checksum(whole.subspan(kHeaderBytes, table_bytes), thimble::Checksum(whole.first(40)));
  std::memcpy(file.data() + 40, &sum, sizeof sum);
  Check(file);
  return 0;
}
