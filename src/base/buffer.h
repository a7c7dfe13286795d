// SPDX-License-Identifier: Apache-2.0
// Buffer<T>: owned memory, 64-byte aligned, whose allocation can fail without an exception.
// Large buffers (from 2 MiB) ask the system for huge pages where it has them.
#pragma once

#include "base/check.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace thimble {

// Zeroed memory of at least `size_bytes`, 64-byte aligned; nullptr when there is none. Free with FreeAligned.
void* AllocateAligned(std::size_t size_bytes);
// The same as the memory comes, where zeroing would be work that nobody needs.
void* AllocateUnset(std::size_t size_bytes);
void FreeAligned(void* memory, std::size_t size_bytes);

template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  Buffer() = default;
  ~Buffer() { Free(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      Free();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }

  // `size` zeroed elements, or kExhausted with a message that names the size.
  static Result<Buffer> Create(std::size_t size) { return From(size, AllocateAligned); }
  // The same, elements as the memory comes: for who writes all of them before anybody reads one.
  static Result<Buffer> CreateUnset(std::size_t size) { return From(size, AllocateUnset); }

  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t size_bytes() const { return size_ * sizeof(T); }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  T& operator[](std::size_t index) {
    THIMBLE_DCHECK(index < size_);
    return data_[index];
  }
  const T& operator[](std::size_t index) const {
    THIMBLE_DCHECK(index < size_);
    return data_[index];
  }
  [[nodiscard]] std::span<T> span() { return {data_, size_}; }
  [[nodiscard]] std::span<const T> span() const { return {data_, size_}; }

 private:
  static Result<Buffer> From(std::size_t size, void* (*allocate)(std::size_t));
  void Free() {
    if (data_ != nullptr) FreeAligned(data_, size_ * sizeof(T));
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// The error of an allocation of `size_bytes` that failed.
Error OutOfMemory(std::size_t size_bytes);

template <typename T>
Result<Buffer<T>> Buffer<T>::From(std::size_t size, void* (*allocate)(std::size_t)) {
  Buffer buffer;
  if (size == 0) return buffer;
  if (size > SIZE_MAX / sizeof(T) / 2) return OutOfMemory(SIZE_MAX);
  buffer.data_ = static_cast<T*>(allocate(size * sizeof(T)));
  if (buffer.data_ == nullptr) return OutOfMemory(size * sizeof(T));
  buffer.size_ = size;
  return buffer;
}

}  // namespace thimble
