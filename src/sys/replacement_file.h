// SPDX-License-Identifier: Apache-2.0
// ReplacementFile: a large file that appears under its name when it is whole, or not at all.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace thimble {

// Written beside its place as "PATH.part", under a lock: of several that begin the same file at once, in one process or
// in many, one writes and the others are refused. What a writer that died left behind is taken over by the next one.
class ReplacementFile {
 public:
  // `size_bytes` is what will be written. kExhausted: that would leave the disk less than 1 GiB or a tenth of its size
  // free, or is more than this process may write; kSystem or kNotFound: the folder refuses, or somebody is writing it.
  static Result<std::unique_ptr<ReplacementFile>> Begin(const std::string& path, std::uint64_t size_bytes);

  virtual ~ReplacementFile() = default;  // removes what was not committed
  virtual Status Append(std::span<const std::byte> bytes) = 0;
  // Waits until the disk has everything, then takes the place of what was there. Only once.
  virtual Status Commit() = 0;
};

}  // namespace thimble
