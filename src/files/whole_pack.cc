// SPDX-License-Identifier: Apache-2.0
#include "files/whole_pack.h"

#include "base/text.h"
#include "files/tensor_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace thimble {

namespace {

Error Broken(std::string_view what) {
  return Error{Code::kCorrupt, Cat("[pack] ", what, ": the file is not what it says; import the model again")};
}

// The bytes of an entry. Whoever asks for all of them gets them checked.
Result<Bytes> ViewEntry(const ByteSource& file, const PackedEntry& entry, std::uint64_t offset, std::uint64_t size) {
  THIMBLE_ASSIGN_OR_RETURN(Bytes bytes, file.View(entry.offset + offset, size));
  if (size == entry.size_bytes && PackChecksum(bytes.span(), nullptr) != entry.checksum)
    return Broken(Cat("the checksum of ", QuoteName(entry.name), " differs"));
  return bytes;
}

// A file of the model, put together from entries.
class PartOfPack : public ByteSource {
 public:
  // `ranges`: entries by their place in the file, the head first.
  struct Range {
    std::uint64_t begin = 0;
    PackedEntry entry;
    [[nodiscard]] std::uint64_t end() const { return begin + entry.size_bytes; }
  };
  PartOfPack(std::shared_ptr<const ByteSource> file, std::uint64_t size, std::vector<Range> ranges)
      : file_(std::move(file)), size_(size), ranges_(std::move(ranges)) {}

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] std::int64_t modified_ns() const override { return file_->modified_ns(); }
  [[nodiscard]] Status CheckUnchanged() const override { return file_->CheckUnchanged(); }

  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    if (offset > size_ || size > size_ - offset)
      return Error{Code::kInvalid, Cat("[pack] bytes from ", offset, " on, ", size, " of them, do not lie in ", size_)};
    if (size == 0) return Bytes();
    const Range* range = RangeAt(offset);
    if (range != nullptr && size <= range->end() - offset)
      return ViewEntry(*file_, range->entry, offset - range->begin, size);
    if (range == &ranges_.front()) return BeyondHead(offset, size);
    return Error{Code::kUnsupported, Cat("[pack] bytes from ", offset, " on are packed")};
  }

  void Release(std::uint64_t offset, std::uint64_t size) const override {
    const Range* range = RangeAt(offset);
    if (range == nullptr) return;
    const std::uint64_t inside = offset - range->begin;
    file_->Release(range->entry.offset + inside, std::min(size, range->entry.size_bytes - inside));
  }

 private:
  [[nodiscard]] const Range* RangeAt(std::uint64_t offset) const {
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), offset,
                                        [](std::uint64_t at, const Range& range) { return at < range.begin; });
    if (after == ranges_.begin()) return nullptr;
    const Range& range = *std::prev(after);
    return offset < range.end() ? &range : nullptr;
  }
  // Who reads a header asks for more than it has.
  [[nodiscard]] Result<Bytes> BeyondHead(std::uint64_t offset, std::uint64_t size) const {
    const Range& head = ranges_.front();
    THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes,
                             ViewEntry(*file_, head.entry, offset - head.begin, head.end() - offset));
    constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;
    if (size > kMostBytes) return Error{Code::kUnsupported, Cat("[pack] a header of ", size, " bytes")};
    THIMBLE_ASSIGN_OR_RETURN(auto padded, Buffer<std::byte>::Create(static_cast<std::size_t>(size)));
    if (!bytes.empty()) std::memcpy(padded.data(), bytes.data(), bytes.size());
    return Bytes::Owned(std::move(padded));
  }

  std::shared_ptr<const ByteSource> file_;
  std::uint64_t size_;
  std::vector<Range> ranges_;
};

// The bytes of one entry as a file of its own.
class EntrySource : public ByteSource {
 public:
  EntrySource(std::shared_ptr<const ByteSource> file, PackedEntry entry)
      : file_(std::move(file)), entry_(std::move(entry)) {}
  [[nodiscard]] std::uint64_t size() const override { return entry_.size_bytes; }
  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    if (offset > entry_.size_bytes || size > entry_.size_bytes - offset)
      return Error{Code::kInvalid, Cat("[pack] ", size, " bytes from ", offset, " on of ", entry_.size_bytes)};
    return ViewEntry(*file_, entry_, offset, size);
  }
  void Release(std::uint64_t offset, std::uint64_t size) const override {
    file_->Release(entry_.offset + offset, size);
  }

 private:
  std::shared_ptr<const ByteSource> file_;
  PackedEntry entry_;
};

}  // namespace

Result<std::shared_ptr<const WholePack>> WholePack::Open(std::shared_ptr<const ByteSource> file) {
  std::shared_ptr<WholePack> pack(new WholePack());
  THIMBLE_ASSIGN_OR_RETURN(pack->table_, ParsePackFile(*file));
  if (!pack->table_.header.is_whole) {
    return Error{
        Code::kUnsupported,
        "[pack] is a cache that belongs to a model file beside it: give that one, the cache is found by itself"};
  }
  pack->file_ = std::move(file);
  THIMBLE_RETURN_IF_ERROR(pack->TakeParts());
  return std::shared_ptr<const WholePack>(std::move(pack));
}

Status WholePack::TakeParts() {
  std::vector<const PackedEntry*> heads;
  for (const PackedEntry& entry : table_.entries) {
    auto* by_name = entry.kind == PackedKind::kMatrix ? &matrices_
                    : entry.kind == PackedKind::kFile ? &side_files_
                                                      : nullptr;
    if (by_name != nullptr && !by_name->emplace(entry.name, &entry).second)
      return Broken(Cat(QuoteName(entry.name), " is there twice"));
    if (entry.kind != PackedKind::kHead) continue;
    if (entry.dtype != heads.size()) return Broken(Cat("file ", heads.size(), " has number ", entry.dtype));
    if (entry.rows < 0 || entry.size_bytes > static_cast<std::uint64_t>(entry.rows))
      return Broken(Cat("a header of ", entry.size_bytes, " bytes in a file of ", entry.rows));
    heads.push_back(&entry);
  }
  std::vector<std::vector<PartOfPack::Range>> ranges(heads.size());
  for (std::size_t part = 0; part < heads.size(); ++part) ranges[part].push_back({0, *heads[part]});
  for (const PackedEntry& entry : table_.entries) {
    if (entry.kind != PackedKind::kTensor || entry.size_bytes == 0) continue;
    if (entry.dtype >= heads.size()) return Broken(Cat(QuoteName(entry.name), " is of file ", entry.dtype));
    const auto file_bytes = static_cast<std::uint64_t>(heads[entry.dtype]->rows);
    const auto begin = static_cast<std::uint64_t>(entry.rows);
    if (entry.rows < 0 || begin > file_bytes || entry.size_bytes > file_bytes - begin)
      return Broken(Cat(QuoteName(entry.name), " of ", entry.size_bytes, " bytes at ", entry.rows, " of ", file_bytes));
    ranges[entry.dtype].push_back({begin, entry});
  }
  for (std::size_t part = 0; part < heads.size(); ++part) {
    std::vector<PartOfPack::Range>& own = ranges[part];
    // The head stays first, also where it is empty.
    std::sort(own.begin() + 1, own.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < own.size(); ++i) {
      if (own[i].begin < own[i - 1].end()) return Broken(Cat(QuoteName(own[i].entry.name), " overlaps another entry"));
    }
    auto source =
        std::make_shared<const PartOfPack>(file_, static_cast<std::uint64_t>(heads[part]->rows), std::move(own));
    parts_.push_back({heads[part]->name, heads[part]->size_bytes, std::move(source)});
  }
  return Done{};
}

Result<std::shared_ptr<const ByteSource>> WholePack::SideFile(const std::string& name) const {
  const auto found = side_files_.find(name);
  if (found == side_files_.end()) return Error{Code::kNotFound, Cat("[pack] holds no ", QuoteName(name))};
  return std::shared_ptr<const ByteSource>(std::make_shared<const EntrySource>(file_, *found->second));
}

const PackedEntry* WholePack::FindMatrix(std::string_view tensor) const {
  const auto found = matrices_.find(tensor);
  return found == matrices_.end() ? nullptr : found->second;
}

bool BeginsAsWholePack(std::span<const std::byte> head) {
  constexpr std::string_view kMagic = "THIMPACK";
  // "THIMPACK", version, panel revision, identity, the word that says so.
  constexpr std::size_t kWordAt = 16 + kPackIdentityDigits;
  std::uint32_t version = 0;
  std::uint32_t is_whole = 0;
  if (head.size() < kWordAt + sizeof is_whole || std::memcmp(head.data(), kMagic.data(), kMagic.size()) != 0)
    return false;
  std::memcpy(&version, head.data() + kMagic.size(), sizeof version);
  std::memcpy(&is_whole, head.data() + kWordAt, sizeof is_whole);
  return version >= 2 && is_whole == 1;
}

}  // namespace thimble
