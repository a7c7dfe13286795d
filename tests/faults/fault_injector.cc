// SPDX-License-Identifier: Apache-2.0
#include "fault_injector.h"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <new>
#include <unordered_set>

#include <dirent.h>
#include <sys/mman.h>
#include <sys/types.h>

// The functions behind --wrap: the C library's own.
extern "C" {
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
void __real_free(void* memory);
void* __real_mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void* memory, std::size_t size);
int __real_open(const char* path, int flags, ...);
int __real_close(int file);
std::FILE* __real_fopen(const char* path, const char* mode);
int __real_fclose(std::FILE* file);
std::size_t __real_fread(void* to, std::size_t size, std::size_t count, std::FILE* file);
int __real_ferror(std::FILE* file);
ssize_t __real_pread(int file, void* to, std::size_t size, off_t offset);
DIR* __real_opendir(const char* path);
int __real_closedir(DIR* folder);
}

namespace thimble::testing {

namespace {

std::atomic<std::int64_t> num_blocks{0};
std::atomic<std::int64_t> num_mapped_bytes{0};
std::atomic<std::int64_t> num_handles{0};

std::atomic<bool> is_armed{false};
std::atomic<bool> is_for_others{false};
std::atomic<std::int64_t> num_events{0};
std::atomic<std::int64_t> failing_event{-1};
std::atomic<bool> has_failed{false};
thread_local bool is_own_thread = false;
// The file whose last read was made to fail; ferror tells.
thread_local std::FILE* broken_file = nullptr;

// Whether the allocation or read that is about to happen has to fail.
bool MustFail() {
  if (!is_armed.load(std::memory_order_acquire) || is_own_thread == is_for_others.load(std::memory_order_relaxed))
    return false;
  if (num_events.fetch_add(1) != failing_event.load(std::memory_order_relaxed)) return false;
  has_failed = true;
  return true;
}

template <typename T>
struct UncountedAllocator {
  using value_type = T;
  UncountedAllocator() = default;
  template <typename U>
  explicit UncountedAllocator(const UncountedAllocator<U>& /*other*/) {}
  T* allocate(std::size_t count) { return static_cast<T*>(std::malloc(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t /*count*/) { __real_free(memory); }
  bool operator==(const UncountedAllocator&) const = default;
};

// Blocks of aligned_alloc: `free` takes those of others too.
class AlignedBlocks {
 public:
  void Add(void* memory) {
    const std::lock_guard lock(mutex_);
    blocks_.insert(memory);
  }
  bool Remove(void* memory) {
    const std::lock_guard lock(mutex_);
    return blocks_.erase(memory) > 0;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<void*, std::hash<void*>, std::equal_to<>, UncountedAllocator<void*>> blocks_;
};
// Never destroyed: blocks are given back until the program's very end.
AlignedBlocks& TheAlignedBlocks() {
  alignas(AlignedBlocks) static std::byte room[sizeof(AlignedBlocks)];
  static auto* const blocks = ::new (static_cast<void*>(room)) AlignedBlocks;
  return *blocks;
}

void* New(std::size_t size, std::size_t alignment) {
  if (MustFail()) return nullptr;
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(size > 0 ? size : 1)
                           : __real_aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory != nullptr) num_blocks.fetch_add(1, std::memory_order_relaxed);
  return memory;
}
void* NewOrThrow(std::size_t size, std::size_t alignment) {
  void* const memory = New(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void Delete(void* memory) {
  if (memory != nullptr) num_blocks.fetch_sub(1, std::memory_order_relaxed);
  __real_free(memory);
}

}  // namespace

void Arm(Whose whose, std::int64_t index) {
  is_own_thread = true;
  is_for_others = whose == Whose::kOthers;
  num_events = 0;
  failing_event = index;
  has_failed = false;
  is_armed.store(true, std::memory_order_release);
}

std::int64_t Disarm() {
  is_armed = false;
  is_own_thread = false;
  return num_events;
}

bool HasFailed() { return has_failed; }
bool ReadMustFail() { return MustFail(); }
InUse CountInUse() { return {num_blocks, num_mapped_bytes, num_handles}; }

}  // namespace thimble::testing

using thimble::testing::Delete;
using thimble::testing::MustFail;
using thimble::testing::New;
using thimble::testing::NewOrThrow;
using thimble::testing::num_handles;

constexpr std::size_t kUsual = alignof(std::max_align_t);

void* operator new(std::size_t size) { return NewOrThrow(size, kUsual); }
void* operator new[](std::size_t size) { return NewOrThrow(size, kUsual); }
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return New(size, kUsual); }
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept { return New(size, kUsual); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return NewOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return NewOrThrow(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { Delete(memory); }
void operator delete[](void* memory) noexcept { Delete(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { Delete(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { Delete(memory); }
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept { Delete(memory); }
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept { Delete(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { Delete(memory); }
void operator delete[](void* memory, std::align_val_t /*alignment*/) noexcept { Delete(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { Delete(memory); }
void operator delete[](void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept { Delete(memory); }

extern "C" {

void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  if (MustFail()) return nullptr;
  void* const memory = __real_aligned_alloc(alignment, size);
  if (memory == nullptr) return nullptr;
  thimble::testing::TheAlignedBlocks().Add(memory);
  thimble::testing::num_blocks.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void __wrap_free(void* memory) {
  if (memory != nullptr && thimble::testing::TheAlignedBlocks().Remove(memory))
    thimble::testing::num_blocks.fetch_sub(1, std::memory_order_relaxed);
  __real_free(memory);
}

void* __wrap_mmap(void* address, std::size_t size, int protection, int flags, int file, off_t offset) {
  if (MustFail()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  void* const memory = __real_mmap(address, size, protection, flags, file, offset);
  if (memory != MAP_FAILED) thimble::testing::num_mapped_bytes += static_cast<std::int64_t>(size);
  return memory;
}

int __wrap_munmap(void* memory, std::size_t size) {
  const int status = __real_munmap(memory, size);
  if (status == 0) thimble::testing::num_mapped_bytes -= static_cast<std::int64_t>(size);
  return status;
}

int __wrap_open(const char* path, int flags, ...) {
  if (MustFail()) {
    errno = EIO;
    return -1;
  }
  va_list rest;
  va_start(rest, flags);
  const int mode = va_arg(rest, int);  // used only where `flags` asks for it
  va_end(rest);
  const int file = __real_open(path, flags, mode);
  if (file >= 0) ++num_handles;
  return file;
}

int __wrap_close(int file) {
  --num_handles;
  return __real_close(file);
}

std::FILE* __wrap_fopen(const char* path, const char* mode) {
  if (MustFail()) {
    errno = EIO;
    return nullptr;
  }
  std::FILE* const file = __real_fopen(path, mode);
  if (file != nullptr) ++num_handles;
  return file;
}

int __wrap_fclose(std::FILE* file) {
  --num_handles;
  if (thimble::testing::broken_file == file) thimble::testing::broken_file = nullptr;
  return __real_fclose(file);
}

std::size_t __wrap_fread(void* to, std::size_t size, std::size_t count, std::FILE* file) {
  if (MustFail()) {
    errno = EIO;
    thimble::testing::broken_file = file;
    return 0;
  }
  return __real_fread(to, size, count, file);
}

int __wrap_ferror(std::FILE* file) { return thimble::testing::broken_file == file ? 1 : __real_ferror(file); }

ssize_t __wrap_pread(int file, void* to, std::size_t size, off_t offset) {
  if (MustFail()) {
    errno = EIO;
    return -1;
  }
  return __real_pread(file, to, size, offset);
}

DIR* __wrap_opendir(const char* path) {
  if (MustFail()) {
    errno = EIO;
    return nullptr;
  }
  DIR* const folder = __real_opendir(path);
  if (folder != nullptr) ++num_handles;
  return folder;
}

int __wrap_closedir(DIR* folder) {
  --num_handles;
  return __real_closedir(folder);
}

}  // extern "C"
