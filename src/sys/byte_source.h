// SPDX-License-Identifier: Apache-2.0
// ByteSource: bytes at an offset, mapped where the system can, held in memory or read in pieces otherwise.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace thimble {

// Bytes out of a source: borrowed from one that has them in memory, or owned.
class Bytes {
 public:
  Bytes() = default;
  // Valid as long as the source.
  static Bytes Borrowed(std::span<const std::byte> bytes) {
    Bytes out;
    out.span_ = bytes;
    return out;
  }
  static Bytes Owned(std::vector<std::byte> bytes) {
    Bytes out;
    out.owned_ = std::move(bytes);
    out.span_ = out.owned_;
    return out;
  }
  // Moved, never copied: the bytes of a vector stay where they are.
  Bytes(Bytes&&) = default;
  Bytes& operator=(Bytes&&) = default;

  [[nodiscard]] std::span<const std::byte> span() const { return span_; }
  [[nodiscard]] bool is_borrowed() const { return owned_.empty(); }

 private:
  std::vector<std::byte> owned_;
  std::span<const std::byte> span_;
};

// Const and shareable between threads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // `size` bytes from `offset` on, which must lie inside. Errors: kInvalid where they do not, kSystem where reading
  // fails, kExhausted where there is no memory for a copy.
  [[nodiscard]] virtual Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const;
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
