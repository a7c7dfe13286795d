// SPDX-License-Identifier: Apache-2.0
// PackCache: packed matrices of one model file, kept in a file beside it, so that a later start need not pack again.
// Nothing that goes wrong here is an error of loading: what the cache cannot give is packed.
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "files/pack_file.h"
#include "ops/packed_matrix.h"
#include "sys/byte_source.h"
#include "sys/thread_pool.h"

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

// Ends of a cache's name. What a tower of floats is packed into depends on the processor, and processors of several
// kinds may share a folder.
inline constexpr std::string_view kPackVariant = "pack";
inline constexpr std::string_view kPackVariant7 = "pack7";
inline constexpr std::string_view kPackVariant8 = "pack8";
// The end for a file whose tower is rounded to `tower_floats`.
std::string_view PackVariantFor(kernels::Family tower_floats);

enum class PackCacheUse {
  kOff,   // neither read nor written
  kAuto,  // read where one lies, renewed when it no longer fits; never made: it is as large as the model
  kOn,    // made where there is none
};

struct PackCacheOptions {
  PackCacheUse use = PackCacheUse::kOff;
  // Where it goes when the model's own folder cannot be written; empty: nowhere.
  std::string folder;
};

class PackCache {
 public:
  // Looks for the cache of `file`. `pool` must outlive this object, and may be nullptr. A model that is no file (bytes
  // in memory) has none.
  PackCache(const ModelFile& file, std::string_view variant, PackCacheOptions options, ThreadPool* pool);

  // The matrix as Pack would make it, over the cache's bytes, which hold() keeps; nullopt when the cache has none like
  // it or the bytes' checksum is wrong.
  std::optional<PackedMatrix> Find(const std::string& name, DType dtype, kernels::Family family, std::int64_t rows,
                                   std::int64_t cols);
  // A matrix that will belong to the cache when it is written. Its bytes must stay until then.
  void Add(const std::string& name, const PackedMatrix& matrix);

  // Whether the options want a cache and the one there did not have all matrices.
  [[nodiscard]] bool needs_writing() const { return has_missed_; }
  // Writes a cache of all matrices found and added. `keep_going` is asked between matrices; false ends it (kCancelled).
  // Any error leaves what was there before, and no other file.
  Status Write(const std::function<bool()>& keep_going);

  // What the matrices found point into; nullptr when there are none.
  [[nodiscard]] std::shared_ptr<const ByteSource> hold() const { return num_found_ > 0 ? source_ : nullptr; }
  [[nodiscard]] std::uint64_t found_bytes() const { return found_bytes_; }
  // The file that was read or written; empty when there is none.
  [[nodiscard]] const std::string& path() const { return path_; }

  // Where a cache may lie, best first.
  static std::vector<std::string> PathsFor(const ModelFile& file, std::string_view variant, const std::string& folder);
  // Those that are there, of any variant; whether they still fit only opening tells.
  static std::vector<std::string> FindAll(const ModelFile& file, const std::string& folder);

 private:
  void Open(const std::string& path);

  PackCacheOptions options_;
  ThreadPool* pool_;
  std::vector<std::string> paths_;
  std::string path_;
  std::uint64_t identity_ = 0;
  std::shared_ptr<const ByteSource> source_;
  PackTable table_;
  std::unordered_map<std::string_view, const PackedEntry*> by_name_;
  std::size_t num_found_ = 0;
  std::uint64_t found_bytes_ = 0;
  // For writing: what the file will hold, in the order of loading.
  PackTable wanted_;
  std::vector<std::span<const std::byte>> wanted_bytes_;
  bool has_missed_ = false;
};

// The sum by which an entry of a pack file is checked, computed by all threads.
std::uint64_t PackChecksum(std::span<const std::byte> bytes, ThreadPool* pool);

// Writes the file that `table` describes, laid out already, piece by piece; the sink's first error ends it.
Status WritePack(const PackTable& table, std::span<const std::span<const std::byte>> matrices,
                 const std::function<Status(std::span<const std::byte>)>& sink);

}  // namespace thimble
