// SPDX-License-Identifier: Apache-2.0
#include "files/pack_file.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/checksum.h"
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

namespace thimble {

namespace {

constexpr std::string_view kMagic = "THIMPACK";
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kTrailerBytes = 32;
constexpr std::size_t kSummedTrailerBytes = kTrailerBytes - sizeof(std::uint64_t);
constexpr std::uint64_t kEntryBytes = 5 * sizeof(std::uint64_t) + 4 * sizeof(std::uint32_t);  // without the name

std::uint64_t Aligned(std::uint64_t offset, std::uint64_t to) { return (offset + to - 1) / to * to; }

std::uint64_t AlignmentOf(PackedKind kind) {
  return kind == PackedKind::kMatrix ? kPackAlignment : kPackSmallAlignment;
}

// Writes numbers one after the other into bytes that are there already.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::byte> out) : out_(out) {}
  template <typename T>
  void Put(T value) {
    PutBytes(&value, sizeof value);
  }
  void PutText(std::string_view text) { PutBytes(text.data(), text.size()); }

 private:
  void PutBytes(const void* from, std::size_t size) {
    THIMBLE_CHECK(size <= out_.size() - position_);
    if (size > 0) std::memcpy(out_.data() + position_, from, size);
    position_ += size;
  }

  std::span<std::byte> out_;
  std::size_t position_ = 0;
};

std::uint64_t SumOf(std::span<const std::byte> header, std::span<const std::byte> table,
                    std::span<const std::byte> trailer) {
  return Checksum(trailer.first(kSummedTrailerBytes), Checksum(table, Checksum(header)));
}

Error Broken(std::string_view what) {
  return Error{Code::kCorrupt, Cat("[pack] ", what, ": the file is truncated or not what it says")};
}

Result<PackHeader> ParseHeader(std::span<const std::byte> bytes) {
  ByteReader in(bytes, "pack");
  THIMBLE_ASSIGN_OR_RETURN(const std::string_view magic, in.ReadChars(kMagic.size()));
  if (magic != kMagic) return Broken("no THIMPACK at the begin");
  THIMBLE_ASSIGN_OR_RETURN(const auto version, in.Read<std::uint32_t>());
  if (version != kPackFileVersion)
    return Error{Code::kUnsupported, Cat("[pack] version ", version, ", expected ", kPackFileVersion)};
  PackHeader header;
  THIMBLE_ASSIGN_OR_RETURN(header.panel_revision, in.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(header.identity, in.ReadChars(kPackIdentityDigits));
  THIMBLE_ASSIGN_OR_RETURN(const auto is_whole, in.Read<std::uint32_t>());
  header.is_whole = is_whole != 0;
  return header;
}

Status ParseEntry(ByteReader* row, std::uint64_t file_bytes, PackedEntry* entry) {
  THIMBLE_ASSIGN_OR_RETURN(entry->offset, row->Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->size_bytes, row->Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->checksum, row->Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->rows, row->Read<std::int64_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->cols, row->Read<std::int64_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto kind, row->Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->dtype, row->Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->family, row->Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto name_bytes, row->Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(entry->name, row->ReadChars(name_bytes));
  if (kind > static_cast<std::uint32_t>(PackedKind::kFile)) return Broken(Cat("an entry of kind ", kind));
  entry->kind = static_cast<PackedKind>(kind);
  if (entry->kind == PackedKind::kMatrix && (entry->rows <= 0 || entry->cols <= 0))
    return Broken(Cat("a matrix of ", entry->rows, " x ", entry->cols));
  if (entry->offset % AlignmentOf(entry->kind) != 0 || entry->offset > file_bytes ||
      entry->size_bytes > file_bytes - entry->offset) {
    return Broken(Cat(entry->size_bytes, " bytes of an entry at ", entry->offset));
  }
  return Done{};
}

std::vector<std::byte> EncodeHeader(const PackHeader& header) {
  THIMBLE_CHECK(header.identity.size() == kPackIdentityDigits);
  std::vector<std::byte> bytes(kHeaderBytes);
  ByteWriter out(bytes);
  out.PutText(kMagic);
  out.Put(kPackFileVersion);
  out.Put(header.panel_revision);
  out.PutText(header.identity);
  out.Put(std::uint32_t{header.is_whole ? 1U : 0U});
  return bytes;
}

std::uint64_t TableBytes(std::span<const PackedEntry> entries) {
  std::uint64_t sum = 0;
  for (const PackedEntry& entry : entries) sum += kEntryBytes + entry.name.size();
  return sum;
}

std::vector<std::byte> EncodeTable(std::span<const PackedEntry> entries) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(TableBytes(entries)));
  ByteWriter out(bytes);
  for (const PackedEntry& entry : entries) {
    out.Put(entry.offset);
    out.Put(entry.size_bytes);
    out.Put(entry.checksum);
    out.Put(entry.rows);
    out.Put(entry.cols);
    out.Put(static_cast<std::uint32_t>(entry.kind));
    out.Put(entry.dtype);
    out.Put(entry.family);
    out.Put(static_cast<std::uint32_t>(entry.name.size()));
    out.PutText(entry.name);
  }
  return bytes;
}

}  // namespace

Result<PackTable> ParsePackFile(const ByteSource& file) {
  if (file.size() < kHeaderBytes + kTrailerBytes) return Broken(Cat(file.size(), " bytes"));
  PackTable table;
  THIMBLE_ASSIGN_OR_RETURN(const Bytes header, file.View(0, kHeaderBytes));
  THIMBLE_ASSIGN_OR_RETURN(table.header, ParseHeader(header.span()));
  const std::uint64_t trailer_at = file.size() - kTrailerBytes;
  THIMBLE_ASSIGN_OR_RETURN(const Bytes trailer, file.View(trailer_at, kTrailerBytes));
  ByteReader end(trailer.span(), "pack");
  THIMBLE_ASSIGN_OR_RETURN(const auto table_at, end.Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto file_bytes, end.Read<std::uint64_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto num_entries, end.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto table_bytes, end.Read<std::uint32_t>());
  THIMBLE_ASSIGN_OR_RETURN(const auto checksum, end.Read<std::uint64_t>());
  if (file_bytes != file.size()) return Broken(Cat(file.size(), " bytes, its trailer says ", file_bytes));
  if (table_at < kHeaderBytes || table_at > trailer_at || trailer_at - table_at != table_bytes)
    return Broken(Cat("a table of ", table_bytes, " bytes at ", table_at));
  THIMBLE_ASSIGN_OR_RETURN(const Bytes rows, file.View(table_at, table_bytes));
  if (SumOf(header.span(), rows.span(), trailer.span()) != checksum) return Broken("the table's checksum differs");
  // From here on the bytes are as they were written; what follows guards against a writer that was wrong.
  if (num_entries > table_bytes / kEntryBytes) return Broken(Cat(num_entries, " entries in ", table_bytes, " bytes"));
  ByteReader row(rows.span(), "pack");
  table.entries.resize(num_entries);
  for (PackedEntry& entry : table.entries) THIMBLE_RETURN_IF_ERROR(ParseEntry(&row, table_at, &entry));
  if (row.remaining() != 0) return Broken(Cat(row.remaining(), " bytes after the table's last entry"));
  return table;
}

std::uint64_t PackChecksum(std::span<const std::byte> bytes, ThreadPool* pool) {
  const auto num_chunks = (bytes.size() + kPackChunkBytes - 1) / kPackChunkBytes;
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(num_chunks));
  const auto sum_chunk = [&](int chunk, int /*worker*/) {
    const auto begin = static_cast<std::size_t>(static_cast<std::uint64_t>(chunk) * kPackChunkBytes);
    const std::size_t size = std::min<std::size_t>(kPackChunkBytes, bytes.size() - begin);
    sums[static_cast<std::size_t>(chunk)] = Checksum(bytes.subspan(begin, size));
  };
  if (pool != nullptr) {
    pool->Run(static_cast<int>(num_chunks), sum_chunk);
  } else {
    for (int chunk = 0; chunk < static_cast<int>(num_chunks); ++chunk) sum_chunk(chunk, 0);
  }
  return Checksum(std::as_bytes(std::span(sums)));
}

std::uint64_t PackFileBytes(std::span<const PackedEntry> entries) {
  std::uint64_t end = kHeaderBytes;
  for (const PackedEntry& entry : entries) end = Aligned(end, AlignmentOf(entry.kind)) + entry.size_bytes;
  return Aligned(end, kPackSmallAlignment) + TableBytes(entries) + kTrailerBytes;
}

PackWriter::PackWriter(PackHeader header, Sink sink, ThreadPool* pool)
    : header_(EncodeHeader(header)), sink_(std::move(sink)), pool_(pool) {}

Status PackWriter::Put(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Done{};
  THIMBLE_RETURN_IF_ERROR(sink_(bytes));
  position_ += bytes.size();
  return Done{};
}

Status PackWriter::PadTo(std::uint64_t offset) {
  static constexpr std::array<std::byte, kPackAlignment> kZeros{};
  if (position_ == 0) THIMBLE_RETURN_IF_ERROR(Put(header_));
  return Put(std::span(kZeros).first(static_cast<std::size_t>(offset - position_)));
}

Status PackWriter::Add(PackedEntry entry, std::span<const std::byte> bytes) {
  entry.offset = Aligned(std::max<std::uint64_t>(position_, kHeaderBytes), AlignmentOf(entry.kind));
  entry.size_bytes = bytes.size();
  if (entry.checksum == 0) entry.checksum = PackChecksum(bytes, pool_);
  THIMBLE_RETURN_IF_ERROR(PadTo(entry.offset));
  THIMBLE_RETURN_IF_ERROR(Put(bytes));
  entries_.push_back(std::move(entry));
  return Done{};
}

Status PackWriter::Finish() {
  const std::uint64_t table_at = Aligned(std::max<std::uint64_t>(position_, kHeaderBytes), kPackSmallAlignment);
  THIMBLE_RETURN_IF_ERROR(PadTo(table_at));
  const std::vector<std::byte> table = EncodeTable(entries_);
  if (table.size() > UINT32_MAX) return Error{Code::kUnsupported, Cat("[pack] a table of ", table.size(), " bytes")};
  THIMBLE_RETURN_IF_ERROR(Put(table));
  std::array<std::byte, kTrailerBytes> trailer{};
  ByteWriter out(trailer);
  out.Put(table_at);
  out.Put(position_ + kTrailerBytes);
  out.Put(static_cast<std::uint32_t>(entries_.size()));
  out.Put(static_cast<std::uint32_t>(table.size()));
  out.Put(SumOf(header_, table, trailer));
  return Put(trailer);
}

}  // namespace thimble
