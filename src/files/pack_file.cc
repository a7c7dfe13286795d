// SPDX-License-Identifier: Apache-2.0
#include "files/pack_file.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/text.h"

#include <cstring>
#include <string_view>

namespace thimble {

namespace {

constexpr std::string_view kMagic = "THIMPACK";
constexpr std::size_t kSummedHeaderBytes = 40;
constexpr std::size_t kHeaderBytes = kSummedHeaderBytes + sizeof(std::uint64_t);
constexpr std::uint64_t kEntryBytes = 5 * sizeof(std::uint64_t) + 3 * sizeof(std::uint32_t);  // without the name

std::uint64_t Aligned(std::uint64_t offset) { return (offset + kPackAlignment - 1) / kPackAlignment * kPackAlignment; }

std::uint64_t TableBytes(const PackTable& table) {
  std::uint64_t sum = 0;
  for (const PackedEntry& entry : table.entries) sum += kEntryBytes + entry.name.size();
  return sum;
}

std::uint64_t FileBytes(const PackTable& table) {
  if (table.entries.empty()) return Aligned(kHeaderBytes);
  return table.entries.back().offset + table.entries.back().size_bytes;
}

// Writes numbers one after the other into bytes that are there already.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::byte> out) : out_(out) {}
  [[nodiscard]] std::size_t position() const { return position_; }
  template <typename T>
  void Put(T value) {
    PutBytes(&value, sizeof value);
  }
  void PutBytes(const void* from, std::size_t size) {
    THIMBLE_CHECK(size <= out_.size() - position_);
    if (size > 0) std::memcpy(out_.data() + position_, from, size);
    position_ += size;
  }

 private:
  std::span<std::byte> out_;
  std::size_t position_ = 0;
};

std::uint64_t HeaderChecksum(std::span<const std::byte> header, std::span<const std::byte> table) {
  return Checksum(table, Checksum(header.first(kSummedHeaderBytes)));
}

Error Broken(std::string_view what) {
  return Error{Code::kCorrupt, Cat("[pack cache] ", what, ": the file is truncated or not what it says")};
}

}  // namespace

Result<PackTable> ParsePackFile(std::span<const std::byte> file) {
  ByteReader in(file, "pack cache");
  THIMBLE_ASSIGN_OR_RETURN(const std::string_view magic, in.ReadChars(kMagic.size()));
  if (magic != kMagic) return Broken("no THIMPACK at the begin");
  THIMBLE_ASSIGN_OR_RETURN(const auto version, in.Read<std::uint32_t>());
  if (version != kPackFileVersion) {
    return Error{Code::kUnsupported, Cat("[pack cache] version ", version, ", expected ", kPackFileVersion)};
  }
  PackTable table;
  THIMBLE_ASSIGN_OR_RETURN(table.panel_revision, in.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(table.identity, in.Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto file_bytes, in.Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto num_entries, in.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto table_bytes, in.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto checksum, in.Read<std::uint64_t>());
  if (file_bytes != file.size()) return Broken(Cat(file.size(), " bytes, its header says ", file_bytes));
  THIMBLE_ASSIGN_OR_RETURN(const auto rows, in.ReadBytes(table_bytes));
  if (HeaderChecksum(file.first(kHeaderBytes), rows) != checksum) return Broken("the table's checksum differs");
  // From here on the bytes are as they were written; what follows guards against a writer that was wrong.
  if (num_entries > table_bytes / kEntryBytes) return Broken(Cat(num_entries, " matrices in ", table_bytes, " bytes"));
  ByteReader row(rows, "pack cache");
  table.entries.resize(num_entries);
  for (PackedEntry& entry : table.entries) {
    THIMBLE_ASSIGN_OR_RETURN(entry.offset, row.Read<std::uint64_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.size_bytes, row.Read<std::uint64_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.checksum, row.Read<std::uint64_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.rows, row.Read<std::int64_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.cols, row.Read<std::int64_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.dtype, row.Read<std::uint32_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.family, row.Read<std::uint32_t>());
    THIMBLE_ASSIGN_OR_RETURN(const auto name_bytes, row.Read<std::uint32_t>());
    THIMBLE_ASSIGN_OR_RETURN(entry.name, row.ReadChars(name_bytes));
    if (entry.rows <= 0 || entry.cols <= 0) return Broken(Cat("a matrix of ", entry.rows, " x ", entry.cols));
    if (entry.offset % kPackAlignment != 0 || entry.offset > file.size() ||
        entry.size_bytes > file.size() - entry.offset) {
      return Broken(Cat(entry.size_bytes, " bytes of a matrix at ", entry.offset));
    }
  }
  if (row.remaining() != 0) return Broken(Cat(row.remaining(), " bytes after the table's last matrix"));
  return table;
}

std::uint64_t LayOutPackFile(PackTable* table) {
  std::uint64_t end = kHeaderBytes + TableBytes(*table);
  for (PackedEntry& entry : table->entries) {
    entry.offset = Aligned(end);
    end = entry.offset + entry.size_bytes;
  }
  return FileBytes(*table);
}

std::vector<std::byte> EncodePackTable(const PackTable& table) {
  const std::uint64_t table_bytes = TableBytes(table);
  std::vector<std::byte> out(static_cast<std::size_t>(Aligned(kHeaderBytes + table_bytes)));
  const std::span<std::byte> rows = std::span(out).subspan(kHeaderBytes, static_cast<std::size_t>(table_bytes));
  ByteWriter row(rows);
  for (const PackedEntry& entry : table.entries) {
    row.Put(entry.offset);
    row.Put(entry.size_bytes);
    row.Put(entry.checksum);
    row.Put(entry.rows);
    row.Put(entry.cols);
    row.Put(entry.dtype);
    row.Put(entry.family);
    row.Put(static_cast<std::uint32_t>(entry.name.size()));
    row.PutBytes(entry.name.data(), entry.name.size());
  }
  ByteWriter header(out);
  header.PutBytes(kMagic.data(), kMagic.size());
  header.Put(kPackFileVersion);
  header.Put(table.panel_revision);
  header.Put(table.identity);
  header.Put(FileBytes(table));
  header.Put(static_cast<std::uint32_t>(table.entries.size()));
  header.Put(static_cast<std::uint32_t>(table_bytes));
  THIMBLE_CHECK(header.position() == kSummedHeaderBytes && row.position() == rows.size());
  header.Put(HeaderChecksum(out, rows));
  return out;
}

}  // namespace thimble
