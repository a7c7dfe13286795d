// SPDX-License-Identifier: Apache-2.0
// Any bytes as a pack file. The only legal outcomes are an error or a table whose entries lie inside the bytes; and
// what was read can be written and read again. The checksum is put right first, or hardly any input would get past it.

#include "base/checksum.h"
#include "files/model_file.h"
#include "files/pack_file.h"
#include "files/whole_pack.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace {

using thimble::Done;
using thimble::PackedEntry;
using thimble::Status;

constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kTrailerBytes = 32;

// As a whole pack: whatever it says of files and tensors, they can be asked for.
void CheckWhole(const std::shared_ptr<const thimble::ByteSource>& file) {
  auto pack = thimble::WholePack::Open(file);
  if (!pack.ok()) {
    if (pack.error().message.empty()) std::abort();
    return;
  }
  for (const thimble::WholePack::Part& part : pack.value()->parts()) {
    const std::uint64_t size = part.source->size();
    for (const std::uint64_t offset : {std::uint64_t{0}, part.head_bytes, size / 2, size}) {
      const auto view = part.source->View(offset, std::min<std::uint64_t>(size - std::min(offset, size), 64));
      if (!view.ok() && view.error().message.empty()) std::abort();
      part.source->Release(offset, 64);
    }
  }
  (void)pack.value()->SideFile("config.json");
  const auto model = thimble::ModelFile::FromPack(pack.value(), "fuzz.thimble");
  if (!model.ok()) return;
  for (const thimble::TensorEntry& tensor : model.value().tensors()) {
    const auto view = model.value().View(tensor);
    if (view.ok() && view.value().size() != tensor.size_bytes) std::abort();
  }
}

void Check(std::span<const std::byte> bytes) {
  const auto file = thimble::MemorySource({bytes.begin(), bytes.end()});
  CheckWhole(file);
  const auto table = thimble::ParsePackFile(*file);
  if (!table.ok()) {
    if (table.error().message.empty()) std::abort();
    return;
  }
  std::vector<std::byte> written;
  thimble::PackWriter writer(
      table.value().header,
      [&written](std::span<const std::byte> more) -> Status {
        written.insert(written.end(), more.begin(), more.end());
        return Done{};
      },
      nullptr);
  // Entries may share bytes in a file that nobody wrote; written anew they do not, and that may be much.
  const bool is_short = thimble::PackFileBytes(table.value().entries) <= (1u << 24);
  for (const PackedEntry& entry : table.value().entries) {
    const auto inside = file->View(entry.offset, entry.size_bytes);
    if (!inside.ok()) std::abort();
    if (entry.kind == thimble::PackedKind::kMatrix && (entry.rows <= 0 || entry.cols <= 0)) std::abort();
    // Reads every byte that the entry promises, so that the sanitizer sees them.
    [[maybe_unused]] static volatile std::uint64_t sink = 0;
    sink = thimble::Checksum(inside.value().span());
    if (is_short && !writer.Add(entry, inside.value().span()).ok()) std::abort();
  }
  if (!is_short) return;
  if (!writer.Finish().ok() || written.size() != thimble::PackFileBytes(table.value().entries)) std::abort();
  const auto again = thimble::ParsePackFile(*thimble::MemorySource(std::move(written)));
  if (!again.ok() || again.value().entries.size() != table.value().entries.size()) std::abort();
  for (std::size_t i = 0; i < again.value().entries.size(); ++i) {
    if (again.value().entries[i].name != table.value().entries[i].name) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto view = std::as_bytes(std::span(bytes, size));
  Check(view);
  if (size < kHeaderBytes + kTrailerBytes) return 0;
  std::vector<std::byte> file(view.begin(), view.end());
  const std::uint64_t file_bytes = size;
  const std::size_t trailer = size - kTrailerBytes;
  std::memcpy(file.data() + trailer + 8, &file_bytes, sizeof file_bytes);
  std::uint64_t table = 0;
  std::memcpy(&table, file.data() + trailer, sizeof table);
  if (table < kHeaderBytes || table > trailer) return 0;
  const auto at = static_cast<std::size_t>(table);
  const auto table_bytes = static_cast<std::uint32_t>(trailer - at);
  std::memcpy(file.data() + trailer + 20, &table_bytes, sizeof table_bytes);
  const std::span<const std::byte> whole = file;
  const std::uint64_t sum = thimble::Checksum(
      whole.subspan(trailer, 24),
      thimble::Checksum(whole.subspan(at, table_bytes), thimble::Checksum(whole.first(kHeaderBytes))));
  std::memcpy(file.data() + size - 8, &sum, sizeof sum);
  Check(file);
  return 0;
}
