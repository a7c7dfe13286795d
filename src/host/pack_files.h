// SPDX-License-Identifier: Apache-2.0
// What packs take of the disk, and taking it back from those that nobody here reads.
#pragma once

#include "model/pack_store.h"
#include "sys/mutex.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::host {

// A store that knows which of its packs are read at the moment: by an open model, or by one that is being opened.
class WatchedPacks : public PackStore {
 public:
  explicit WatchedPacks(std::shared_ptr<const PackStore> packs) : packs_(std::move(packs)) {}

  [[nodiscard]] std::vector<KeptPack> Open(const ModelFile& model, std::string_view variant) const override;
  [[nodiscard]] Result<std::unique_ptr<PackSink>> Replace(const ModelFile& model, std::string_view variant,
                                                          std::uint64_t size_bytes, bool is_renewal) const override;
  // Whether what lies at `path` is read, or lies where a pack that is read was. Any thread.
  [[nodiscard]] bool IsRead(const std::string& path) const;

 private:
  std::shared_ptr<const PackStore> packs_;
  mutable Mutex mutex_;
  mutable std::vector<std::pair<std::string, std::weak_ptr<const ByteSource>>> opened_ THIMBLE_GUARDED_BY(mutex_);
};

// Bytes of the packs in `folders`, and in their folders down to the second, with what writers that died left of some.
std::uint64_t PackBytes(std::span<const std::string> folders);
// Deletes these but for those that `packs` (nullptr: nobody reads any) says are read, or that somebody is writing.
// Other programs that have one open keep it until they close it. kSystem: some could not be deleted, the others are.
Status DeletePacks(std::span<const std::string> folders, const WatchedPacks* packs);

}  // namespace thimble::host
