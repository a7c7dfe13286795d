// SPDX-License-Identifier: Apache-2.0
// PackStore: where packs are kept from one start to the next, as the program around the engine sees fit: files beside
// the model, a browser's storage. Each keeps one pack for a model file and a variant (model/pack_cache.h).
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "sys/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

// Writes one pack, which takes the place of the one before when it is whole, or not at all.
class PackSink {
 public:
  virtual ~PackSink() = default;  // removes what was not committed
  virtual Status Append(std::span<const std::byte> bytes) = 0;
  virtual Status Commit() = 0;                                 // only once
  [[nodiscard]] virtual const std::string& place() const = 0;  // for messages: a path
};

struct KeptPack {
  std::string place;                         // for messages
  std::shared_ptr<const ByteSource> source;  // nullptr where it is there and cannot be read
};

class PackStore {
 public:
  virtual ~PackStore() = default;
  // What is kept for `model`, best first. Whether it still fits is for the caller to tell, by the identity in it; a
  // store that finds packs by content asks for model.Identity() itself.
  [[nodiscard]] virtual std::vector<KeptPack> Open(const ModelFile& model, std::string_view variant) const = 0;
  // Begins a pack of `size_bytes`. `is_renewal`: only where one is kept already. Errors: no room, or no place that can
  // be written.
  [[nodiscard]] virtual Result<std::unique_ptr<PackSink>> Replace(const ModelFile& model, std::string_view variant,
                                                                  std::uint64_t size_bytes, bool is_renewal) const = 0;
};

}  // namespace thimble
