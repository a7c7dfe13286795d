// SPDX-License-Identifier: Apache-2.0
// ByteSource: bytes at an offset, mapped where the system can, held in memory otherwise.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace thimble {

// Const and shareable between threads. Views stay valid as long as the source.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // All bytes. A mapped file that another process truncates meanwhile is beyond what we can guard.
  [[nodiscard]] virtual std::span<const std::byte> bytes() const = 0;
  // These bytes will not be read again soon; a mapped source may drop their pages. A hint.
  virtual void Release(std::uint64_t offset, std::uint64_t size) const = 0;
  // When the file was last written, in nanoseconds since 1970; 0 where the bytes are no file's.
  [[nodiscard]] virtual std::int64_t modified_ns() const { return 0; }
};

// Maps a regular file for reading. kNotFound, kInvalid (a directory, a device) or kSystem.
Result<std::shared_ptr<const ByteSource>> MapFile(const std::string& path);
// Takes over bytes in memory.
std::shared_ptr<const ByteSource> MemorySource(std::vector<std::byte> bytes);

// The whole file as bytes, at most `max_bytes`.
Result<std::vector<std::byte>> ReadFile(const std::string& path, std::uint64_t max_bytes);
// Its first `max_bytes` bytes, fewer where it is shorter: for a look at what it is.
Result<std::vector<std::byte>> ReadHead(const std::string& path, std::size_t max_bytes);

}  // namespace thimble
