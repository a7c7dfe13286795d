// SPDX-License-Identifier: Apache-2.0
// ByteReader: bounded little-endian reads from a span of untrusted bytes. Every read returns a Result.
#pragma once

#include "base/result.h"
#include "base/text.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace thimble {

static_assert(std::endian::native == std::endian::little, "file formats are read by copying little-endian bytes");

class ByteReader {
 public:
  // `place` names the format in error messages ("gguf"); `bytes` must outlive this object.
  ByteReader(std::span<const std::byte> bytes, std::string_view place) : ByteReader(bytes, bytes.size(), place) {}
  // The same over the beginning of something that has `total` bytes in all, at least as many as `bytes`.
  ByteReader(std::span<const std::byte> bytes, std::uint64_t total, std::string_view place)
      : bytes_(bytes), total_(total), place_(place) {}

  [[nodiscard]] std::uint64_t position() const { return position_; }
  // To the end of all, not only of the bytes at hand.
  [[nodiscard]] std::uint64_t remaining() const { return total_ - position_; }
  // How many bytes of the whole are needed at least to go on, where a read failed only because the bytes at hand end
  // before: the same read of a longer beginning may succeed. 0 otherwise.
  [[nodiscard]] std::uint64_t wanted() const { return wanted_; }
  // An error, as of a read, unless the next `size` bytes are at hand; reads none.
  Status Require(std::uint64_t size) {
    if (remaining() < size) return Short(size);
    if (bytes_.size() - position_ >= size) return Done{};
    wanted_ = position_ + size;
    return Error{Code::kCorrupt, Cat("[", place_, "] ", size, " bytes wanted at offset ", position_, ", the ",
                                     bytes_.size(), " at hand of ", total_, " end before")};
  }

  template <typename T>
  Result<T> Read() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (bytes_.size() - position_ < sizeof(T)) return Require(sizeof(T)).error();
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  // A view of the next `size` bytes; valid as long as the underlying span.
  Result<std::span<const std::byte>> ReadBytes(std::uint64_t size) {
    if (bytes_.size() - position_ < size) return Require(size).error();
    // Both are below the span's size, so they fit a size_t of 32 bits too.
    auto view = bytes_.subspan(static_cast<std::size_t>(position_), static_cast<std::size_t>(size));
    position_ += size;
    return view;
  }

  Result<std::string_view> ReadChars(std::uint64_t size) {
    THIMBLE_ASSIGN_OR_RETURN(auto view, ReadBytes(size));
    return std::string_view(reinterpret_cast<const char*>(view.data()), view.size());
  }

 private:
  [[nodiscard]] Error Short(std::uint64_t wanted) const {
    return Error{Code::kCorrupt, Cat("[", place_, "] ", wanted, " bytes wanted at offset ", position_, ", ",
                                     remaining(), " left: the file is truncated or not what it says")};
  }

  std::span<const std::byte> bytes_;
  std::uint64_t total_;
  std::string_view place_;
  std::uint64_t position_ = 0;
  std::uint64_t wanted_ = 0;
};

}  // namespace thimble
