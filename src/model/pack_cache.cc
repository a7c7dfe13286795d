// SPDX-License-Identifier: Apache-2.0
#include "model/pack_cache.h"

#include "base/check.h"
#include "base/checksum.h"
#include "base/text.h"
#include "sys/folder.h"
#include "sys/replacement_file.h"

#include <algorithm>
#include <array>

namespace thimble {

std::string_view PackVariantFor(kernels::Family tower_floats) {
  if (tower_floats == kernels::Family::kU7Flat) return kPackVariant7;
  return tower_floats == kernels::Family::kU8Flat ? kPackVariant8 : kPackVariant;
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

Status WritePack(const PackTable& table, std::span<const std::span<const std::byte>> matrices,
                 const std::function<Status(std::span<const std::byte>)>& sink) {
  THIMBLE_CHECK(matrices.size() == table.entries.size());
  const std::vector<std::byte> head = EncodePackTable(table);
  THIMBLE_RETURN_IF_ERROR(sink(head));
  std::uint64_t at = head.size();
  static constexpr std::array<std::byte, kPackAlignment> kZeros{};
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const PackedEntry& entry = table.entries[i];
    THIMBLE_CHECK(entry.offset >= at && entry.offset - at < kPackAlignment && entry.size_bytes == matrices[i].size());
    if (entry.offset > at)
      THIMBLE_RETURN_IF_ERROR(sink(std::span(kZeros).first(static_cast<std::size_t>(entry.offset - at))));
    THIMBLE_RETURN_IF_ERROR(sink(matrices[i]));
    at = entry.offset + entry.size_bytes;
  }
  return Done{};
}

std::vector<std::string> PackCache::PathsFor(const ModelFile& file, std::string_view variant,
                                             const std::string& folder) {
  if (file.shard_paths().empty()) return {};
  const std::string& model = file.shard_paths().front();
  std::vector<std::string> paths{Cat(model, ".thimble-", variant)};
  if (!folder.empty()) paths.push_back(Cat(folder, "/", NameOf(model), ".thimble-", variant));
  return paths;
}

std::vector<std::string> PackCache::FindAll(const ModelFile& file, const std::string& folder) {
  std::vector<std::string> found;
  for (const std::string_view variant : {kPackVariant, kPackVariant7, kPackVariant8}) {
    for (std::string& path : PathsFor(file, variant, folder)) {
      if (KindOfPath(path) == PathKind::kFile) found.push_back(std::move(path));
    }
  }
  return found;
}

PackCache::PackCache(const ModelFile& file, std::string_view variant, PackCacheOptions options, ThreadPool* pool)
    : options_(std::move(options)), pool_(pool) {
  if (options_.use == PackCacheUse::kOff) return;
  paths_ = PathsFor(file, variant, options_.folder);
  // Without a file there is no identity; with nothing to read and nothing to make it is not needed.
  std::erase_if(paths_, [this](const std::string& path) {
    return options_.use != PackCacheUse::kOn && KindOfPath(path) != PathKind::kFile;
  });
  if (paths_.empty()) return;
  identity_ = file.Identity();
  if (identity_ == 0) paths_.clear();
  wanted_.panel_revision = kernels::kPanelRevision;
  wanted_.identity = identity_;
  for (const std::string& path : paths_) {
    Open(path);
    if (source_ != nullptr) break;
  }
}

void PackCache::Open(const std::string& path) {
  auto source = MapFile(path);
  // Its matrices are used where they lie: a cache that cannot be mapped saves nothing.
  if (!source.ok() || source.value()->mapped().empty()) return;
  auto table = ParsePackFile(source.value()->mapped());
  if (!table.ok() || table.value().panel_revision != kernels::kPanelRevision || table.value().identity != identity_)
    return;
  source_ = std::move(source).value();
  table_ = std::move(table).value();
  path_ = path;
  for (const PackedEntry& entry : table_.entries) by_name_.emplace(entry.name, &entry);
}

std::optional<PackedMatrix> PackCache::Find(const std::string& name, DType dtype, kernels::Family family,
                                            std::int64_t rows, std::int64_t cols) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  const PackedEntry& entry = *found->second;
  if (entry.dtype != static_cast<std::uint32_t>(dtype) || entry.family != static_cast<std::uint32_t>(family) ||
      entry.rows != rows || entry.cols != cols || entry.size_bytes != PackedMatrix::PackedBytes(family, rows, cols)) {
    return std::nullopt;
  }
  const auto bytes =
      source_->mapped().subspan(static_cast<std::size_t>(entry.offset), static_cast<std::size_t>(entry.size_bytes));
  if (PackChecksum(bytes, pool_) != entry.checksum) return std::nullopt;
  ++num_found_;
  found_bytes_ += entry.size_bytes;
  if (!paths_.empty()) {
    wanted_.entries.push_back(entry);
    wanted_bytes_.push_back(bytes);
  }
  return PackedMatrix::FromPanels(dtype, family, rows, cols, bytes);
}

void PackCache::Add(const std::string& name, const PackedMatrix& matrix) {
  if (paths_.empty()) return;
  has_missed_ = true;
  PackedEntry entry;
  entry.name = name;
  entry.size_bytes = matrix.size_bytes();
  entry.rows = matrix.rows();
  entry.cols = matrix.cols();
  entry.dtype = static_cast<std::uint32_t>(matrix.dtype());
  entry.family = static_cast<std::uint32_t>(matrix.family());
  wanted_.entries.push_back(std::move(entry));
  wanted_bytes_.emplace_back(matrix.bytes(), static_cast<std::size_t>(matrix.size_bytes()));
}

Status PackCache::Write(const std::function<bool()>& keep_going) {
  // Summed up now, not while loading: a start without a cache must not wait for this.
  for (std::size_t i = 0; i < wanted_.entries.size(); ++i) {
    if (wanted_.entries[i].checksum == 0) wanted_.entries[i].checksum = PackChecksum(wanted_bytes_[i], pool_);
  }
  const std::uint64_t size = LayOutPackFile(&wanted_);
  Status last = Error{Code::kSystem, "[pack cache] no place to write it"};
  for (const std::string& path : paths_) {
    if (FolderOf(path) == options_.folder) MakeFolders(options_.folder);
    auto file = ReplacementFile::Begin(path, size);
    if (!file.ok()) {
      last = file.error();
      continue;
    }
    const Status status = WritePack(wanted_, wanted_bytes_, [&](std::span<const std::byte> bytes) -> Status {
      if (keep_going && !keep_going()) return Error{Code::kCancelled, "[pack cache] cancelled"};
      return file.value()->Append(bytes);
    });
    if (!status.ok()) return status.error();
    THIMBLE_RETURN_IF_ERROR(file.value()->Commit());
    path_ = path;
    return Done{};
  }
  return last;
}

}  // namespace thimble
