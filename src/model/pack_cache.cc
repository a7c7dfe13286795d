// SPDX-License-Identifier: Apache-2.0
#include "model/pack_cache.h"

#include "model/packed_entry.h"

#include <utility>

namespace thimble {

std::string_view PackVariantFor(kernels::Family tower_floats) {
  if (tower_floats == kernels::Family::kU7Flat) return kPackVariant7;
  return tower_floats == kernels::Family::kU8Flat ? kPackVariant8 : kPackVariant;
}

PackCache::PackCache(const ModelFile& file, std::string_view variant, PackCacheOptions options, ThreadPool* pool)
    : file_(file), variant_(variant), options_(std::move(options)), pool_(pool) {
  if (options_.use == PackCacheUse::kOff || options_.store == nullptr) return;
  std::vector<KeptPack> kept = options_.store->Open(file, variant);
  // The identity costs a look at the file: with nothing to read and nothing to make it is not needed.
  if (kept.empty() && options_.use != PackCacheUse::kOn) return;
  auto identity = file.Identity();
  if (!identity.ok()) return;
  is_wanted_ = true;
  header_ = {kernels::kPanelRevision, std::move(identity).value(), false};
  for (KeptPack& pack : kept) {
    if (source_ == nullptr && pack.source != nullptr) Take(std::move(pack));
  }
}

void PackCache::Take(KeptPack kept) {
  auto table = ParsePackFile(*kept.source);
  if (!table.ok()) return;
  const PackHeader& header = table.value().header;
  const bool fits = header.panel_revision == header_.panel_revision && header.identity == header_.identity;
  if (!fits || header.is_whole) return;
  source_ = std::move(kept.source);
  table_ = std::move(table).value();
  place_ = std::move(kept.place);
  for (const PackedEntry& entry : table_.entries) by_name_.emplace(entry.name, &entry);
}

std::optional<PackedMatrix> PackCache::Find(const std::string& name, DType dtype, kernels::Family family,
                                            std::int64_t rows, std::int64_t cols) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  const PackedEntry& entry = *found->second;
  auto matrix = ReadPackedEntry(*source_, entry, dtype, family, rows, cols, pool_);
  if (!matrix.has_value()) return std::nullopt;
  ++num_found_;
  found_bytes_ += entry.size_bytes;
  wanted_.push_back(entry);
  wanted_bytes_.emplace_back(matrix->bytes(), static_cast<std::size_t>(matrix->size_bytes()));
  return matrix;
}

void PackCache::Add(const std::string& name, const PackedMatrix& matrix) {
  if (!is_wanted_) return;
  has_missed_ = true;
  wanted_.push_back(EntryOf(name, matrix));
  wanted_bytes_.emplace_back(matrix.bytes(), static_cast<std::size_t>(matrix.size_bytes()));
}

Status PackCache::Write(const std::function<bool()>& keep_going) {
  const bool is_renewal = options_.use != PackCacheUse::kOn;
  THIMBLE_ASSIGN_OR_RETURN(const std::unique_ptr<PackSink> sink,
                           options_.store->Replace(file_, variant_, PackFileBytes(wanted_), is_renewal));
  const auto append = [&](std::span<const std::byte> bytes) -> Status {
    if (keep_going && !keep_going()) return Error{Code::kCancelled, "[pack cache] cancelled"};
    return sink->Append(bytes);
  };
  // Summed up now, not while loading: a start without a cache must not wait for this.
  PackWriter writer(header_, append, pool_);
  for (std::size_t i = 0; i < wanted_.size(); ++i) THIMBLE_RETURN_IF_ERROR(writer.Add(wanted_[i], wanted_bytes_[i]));
  THIMBLE_RETURN_IF_ERROR(writer.Finish());
  THIMBLE_RETURN_IF_ERROR(sink->Commit());
  place_ = sink->place();
  return Done{};
}

}  // namespace thimble
