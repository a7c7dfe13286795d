// SPDX-License-Identifier: Apache-2.0
// ByteSource: bytes at an offset, mapped where the system can, held in memory or read in pieces otherwise: nothing
// above needs a file to lie in memory as a whole.
#pragma once

#include "base/buffer.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace thimble {

// Bytes out of a source: borrowed from one that has them in memory, or owned. Read like a vector of them.
class Bytes {
 public:
  Bytes() = default;
  // Valid as long as the source.
  static Bytes Borrowed(std::span<const std::byte> bytes) {
    Bytes out;
    out.span_ = bytes;
    return out;
  }
  static Bytes Owned(Buffer<std::byte> bytes) {
    Bytes out;
    out.owned_ = std::move(bytes);
    out.span_ = out.owned_.span();
    return out;
  }
  // Moved, never copied: the memory of a buffer stays where it is.
  Bytes(Bytes&&) = default;
  Bytes& operator=(Bytes&&) = default;

  [[nodiscard]] std::span<const std::byte> span() const { return span_; }
  [[nodiscard]] const std::byte* data() const { return span_.data(); }
  [[nodiscard]] std::size_t size() const { return span_.size(); }
  [[nodiscard]] bool empty() const { return span_.empty(); }
  [[nodiscard]] auto begin() const { return span_.begin(); }
  [[nodiscard]] auto end() const { return span_.end(); }
  [[nodiscard]] bool is_borrowed() const { return owned_.empty(); }
  // The memory, for who keeps it: only where it is not borrowed.
  [[nodiscard]] Buffer<std::byte> TakeBuffer() && { return std::move(owned_); }

 private:
  Buffer<std::byte> owned_;
  std::span<const std::byte> span_;
};

// Const and shareable between threads. Sources know no names: who reads puts the file's in front of an error.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // `size` bytes from `offset` on, which must lie inside. Borrowed from mapped() where that is all there is to do;
  // sources without memory of their own read a copy. Errors: kInvalid where they do not lie inside, kSystem where
  // reading fails, kCorrupt where the file has become shorter, kExhausted where there is no memory for a copy.
  [[nodiscard]] virtual Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const;
  // All bytes, where they are in memory as a whole; empty where every View is read. A mapped file that another process
  // truncates while it is read is beyond what we can guard.
  [[nodiscard]] virtual std::span<const std::byte> mapped() const { return {}; }
  // These bytes will not be read again soon; a mapped source may drop their pages. A hint.
  virtual void Release(std::uint64_t /*offset*/, std::uint64_t /*size*/) const {}
  // When the file was last written, in nanoseconds since 1970; 0 where the bytes are no file's.
  [[nodiscard]] virtual std::int64_t modified_ns() const { return 0; }
  // kCorrupt where the file's size or time is no longer what it was when it was opened: what was read of it may not
  // belong together. A file that was put in its place under the same name is another one, and changes nothing.
  [[nodiscard]] virtual Status CheckUnchanged() const { return Done{}; }

 protected:
  // kInvalid unless [offset, offset + size) lies inside.
  [[nodiscard]] Status CheckRange(std::uint64_t offset, std::uint64_t size) const;
};

// Maps a regular file for reading; where the system cannot map it, its parts are read as they are asked for. kNotFound,
// kInvalid (a directory, a device) or kSystem.
Result<std::shared_ptr<const ByteSource>> MapFile(const std::string& path);
// A regular file that is open for reading already, which is taken over and closed in the end: for files that another
// program lends. Nothing of it is mapped; what is asked for is read. kInvalid, kSystem; kUnsupported where there are no
// such descriptors.
Result<std::shared_ptr<const ByteSource>> ReadDescriptor(int descriptor);
// Takes over bytes in memory.
std::shared_ptr<const ByteSource> MemorySource(std::vector<std::byte> bytes);

// The whole file as bytes, at most `max_bytes`.
Result<std::vector<std::byte>> ReadFile(const std::string& path, std::uint64_t max_bytes);
// Its first `max_bytes` bytes, fewer where it is shorter: for a look at what it is.
Result<std::vector<std::byte>> ReadHead(const std::string& path, std::size_t max_bytes);

}  // namespace thimble
