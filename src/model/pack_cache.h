// SPDX-License-Identifier: Apache-2.0
// PackCache: packed matrices of one model file, kept in a store, so that a later start need not pack again.
// Nothing that goes wrong here is an error of loading: what the cache cannot give is packed.
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "files/pack_file.h"
#include "model/pack_store.h"
#include "ops/packed_matrix.h"
#include "sys/byte_source.h"
#include "sys/thread_pool.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace thimble {

// Names of a model's packs. What a tower of floats is packed into depends on the processor, and processors of several
// kinds may share a store.
inline constexpr std::string_view kPackVariant = "pack";
inline constexpr std::string_view kPackVariant7 = "pack7";
inline constexpr std::string_view kPackVariant8 = "pack8";
inline constexpr std::array<std::string_view, 3> kPackVariants = {kPackVariant, kPackVariant7, kPackVariant8};
// The variant for a file whose tower is rounded to `tower_floats`.
std::string_view PackVariantFor(kernels::Family tower_floats);

enum class PackCacheUse {
  kOff,   // neither read nor written
  kAuto,  // read where one is kept, renewed when it no longer fits; never made: it is as large as the model
  kOn,    // made where there is none
};

struct PackCacheOptions {
  PackCacheUse use = PackCacheUse::kOff;
  std::shared_ptr<const PackStore> store;  // nullptr: as kOff
};

class PackCache {
 public:
  // Looks for the cache of `file`. `file` and `pool` must outlive this object; `pool` may be nullptr.
  PackCache(const ModelFile& file, std::string_view variant, PackCacheOptions options, ThreadPool* pool);

  // The matrix as Pack would make it, over the cache's bytes, which hold() keeps; nullopt when the cache has none like
  // it or the bytes' checksum is wrong.
  std::optional<PackedMatrix> Find(const std::string& name, DType dtype, kernels::Family family, std::int64_t rows,
                                   std::int64_t cols);
  // A matrix that will belong to the cache when it is written. Its bytes must stay until then.
  void Add(const std::string& name, const PackedMatrix& matrix);

  // Whether the options want a cache and none that fits is there.
  [[nodiscard]] bool is_to_be_made() const { return is_wanted_ && source_ == nullptr; }
  // Whether the options want a cache and the one there did not have all matrices.
  [[nodiscard]] bool needs_writing() const { return has_missed_; }
  // Writes a cache of all matrices found and added. `keep_going` is asked between matrices; false ends it (kCancelled).
  // Any error leaves what was kept before.
  Status Write(const std::function<bool()>& keep_going);

  // What the matrices found point into; nullptr when there are none.
  [[nodiscard]] std::shared_ptr<const ByteSource> hold() const { return num_found_ > 0 ? source_ : nullptr; }
  [[nodiscard]] std::uint64_t found_bytes() const { return found_bytes_; }
  // Where the pack lies that was read or written; empty when there is none.
  [[nodiscard]] const std::string& place() const { return place_; }

 private:
  void Take(KeptPack kept);

  const ModelFile& file_;
  std::string_view variant_;
  PackCacheOptions options_;
  ThreadPool* pool_;
  bool is_wanted_ = false;  // one was found, fitting or not, or is to be made
  std::string place_;
  PackHeader header_;
  std::shared_ptr<const ByteSource> source_;
  PackTable table_;
  std::unordered_map<std::string_view, const PackedEntry*> by_name_;
  std::size_t num_found_ = 0;
  std::uint64_t found_bytes_ = 0;
  // For writing: what it will hold, in the order of loading.
  std::vector<PackedEntry> wanted_;
  std::vector<std::span<const std::byte>> wanted_bytes_;
  bool has_missed_ = false;
};

}  // namespace thimble
