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
  ByteReader(std::span<const std::byte> bytes, std::string_view place) : bytes_(bytes), place_(place) {}

  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t remaining() const { return bytes_.size() - position_; }

  template <typename T>
  Result<T> Read() {
    static_assert(std::is_trivially_copyable_v<T>);
    if (remaining() < sizeof(T)) return Short(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  // A view of the next `size` bytes; valid as long as the underlying span.
  Result<std::span<const std::byte>> ReadBytes(std::uint64_t size) {
    if (remaining() < size) return Short(size);
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
  std::string_view place_;
  std::uint64_t position_ = 0;
};

}  // namespace thimble
