// SPDX-License-Identifier: Apache-2.0
// wasi-libc's allocator has no lock and counts nothing: all calls of it come here first (-Wl,--wrap=malloc and the
// others, CMakeLists.txt). Tasks of the pool allocate nothing; the lock is there all the same, for two workers in the
// allocator hang or destroy it.
#include "wasm/heap.h"

#include "sys/mutex.h"
#include "sys/thread_pool.h"

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

extern "C" {
// Names that the linker gives. NOLINTBEGIN
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* old, std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
int __real_posix_memalign(void** out, std::size_t alignment, std::size_t size);
void __real_free(void* memory);
void* __wrap_malloc(std::size_t size);
void* __wrap_calloc(std::size_t count, std::size_t size);
void* __wrap_realloc(void* old, std::size_t size);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size);
int __wrap_posix_memalign(void** out, std::size_t alignment, std::size_t size);
void __wrap_free(void* memory);
extern unsigned char __heap_base;
// NOLINTEND
}

namespace {

thimble::Mutex mutex;
std::size_t bytes_in_use THIMBLE_GUARDED_BY(mutex) = 0;
// 65,535 pages of 64 KiB: what the module is linked for.
constexpr std::uint64_t kModulesLimit = 4294901760;
std::uint64_t limit = kModulesLimit;

void* Count(void* memory) THIMBLE_REQUIRES(mutex) {
  if (memory != nullptr) bytes_in_use += malloc_usable_size(memory);
  return memory;
}
void Discount(void* memory) THIMBLE_REQUIRES(mutex) {
  if (memory != nullptr) bytes_in_use -= malloc_usable_size(memory);
}

}  // namespace

extern "C" {
void* __wrap_malloc(std::size_t size) {
  const thimble::MutexLock lock(&mutex);
  return Count(__real_malloc(size));
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  const thimble::MutexLock lock(&mutex);
  return Count(__real_calloc(count, size));
}
void* __wrap_realloc(void* old, std::size_t size) {
  const thimble::MutexLock lock(&mutex);
  const std::size_t before = old != nullptr ? malloc_usable_size(old) : 0;
  void* const memory = __real_realloc(old, size);
  if (memory != nullptr || size == 0) bytes_in_use -= before;
  return Count(memory);
}
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  const thimble::MutexLock lock(&mutex);
  return Count(__real_aligned_alloc(alignment, size));
}
int __wrap_posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  const thimble::MutexLock lock(&mutex);
  const int error = __real_posix_memalign(out, alignment, size);
  if (error == 0) Count(*out);
  return error;
}
void __wrap_free(void* memory) {
  const thimble::MutexLock lock(&mutex);
  Discount(memory);
  __real_free(memory);
}
}

namespace thimble::browser {

void SetMemoryLimit(std::uint64_t bytes) { limit = bytes == 0 ? kModulesLimit : std::min(bytes, kModulesLimit); }

std::uint64_t MemoryBytes() { return static_cast<std::uint64_t>(__builtin_wasm_memory_size(0)) << 16; }

std::uint64_t FreeMemoryBytes() {
  // Between what is taken lie holes that nothing large fits into.
  constexpr std::uint64_t kHoles = std::uint64_t{8} << 20;
  const MutexLock lock(&mutex);
  const std::uint64_t taken = reinterpret_cast<std::uintptr_t>(&__heap_base) + std::uint64_t{bytes_in_use} + kHoles;
  return taken < limit ? limit - taken : 1;  // 0 would say that nobody knows
}

void ReserveMemory(std::uint64_t bytes, int threads) {
  if (bytes > FreeMemoryBytes()) return;
  const auto size = static_cast<std::size_t>(bytes);
  auto* const block = static_cast<volatile std::byte*>(std::malloc(size));
  if (block == nullptr) return;
  constexpr std::size_t kTask = std::size_t{4} << 20;
  constexpr std::size_t kPage = 4096;
  ThreadPool pool(threads);
  pool.Run(static_cast<int>((size + kTask - 1) / kTask), [&](int task, int) {
    const std::size_t first = static_cast<std::size_t>(task) * kTask;
    for (std::size_t at = first; at < std::min(size, first + kTask); at += kPage) block[at] = std::byte{0};
  });
  std::free(const_cast<std::byte*>(block));
}

}  // namespace thimble::browser
