// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include "base/text.h"

#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace thimble {

namespace {
constexpr std::size_t kAlignment = 64;
#if defined(__linux__)
constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;
// The largest ordinary page of any Linux (ARM has 4, 16 or 64 KiB): munmap takes no address between pages.
constexpr std::size_t kPageBytes = std::size_t{64} << 10;

std::size_t RoundUpToPage(std::size_t size_bytes) { return (size_bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }
#endif

// `zeroes`: the system's fresh pages are zero in any case.
void* Allocate(std::size_t size_bytes, bool zeroes) {
#if defined(__linux__)
  if (size_bytes >= kHugePageBytes) {
    // Over-reserve so that the block starts on a huge page, then give the ends back.
    const std::size_t rounded = RoundUpToPage(size_bytes);
    const std::size_t reserved = rounded + kHugePageBytes;
    void* raw = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return nullptr;
    auto* const first = static_cast<std::byte*>(raw);
    const std::size_t past_huge_page = reinterpret_cast<std::uintptr_t>(raw) % kHugePageBytes;
    const std::size_t front = past_huge_page == 0 ? 0 : kHugePageBytes - past_huge_page;
    std::byte* const memory = first + front;
    if (front > 0) munmap(first, front);
    if (front < kHugePageBytes) munmap(memory + rounded, kHugePageBytes - front);
    madvise(memory, rounded, MADV_HUGEPAGE);  // best effort: 4 KiB pages work too, slower
    return memory;
  }
#endif
  const std::size_t rounded = (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded);
  if (memory != nullptr && zeroes) std::memset(memory, 0, rounded);
  return memory;
}

}  // namespace

void* AllocateAligned(std::size_t size_bytes) { return Allocate(size_bytes, true); }
void* AllocateUnset(std::size_t size_bytes) { return Allocate(size_bytes, false); }

void FreeAligned(void* memory, std::size_t size_bytes) {
#if defined(__linux__)
  if (size_bytes >= kHugePageBytes) {
    munmap(memory, RoundUpToPage(size_bytes));
    return;
  }
#endif
  (void)size_bytes;
  std::free(memory);
}

Error OutOfMemory(std::size_t size_bytes) {
  return Error{Code::kExhausted, Cat("[memory] ", size_bytes, " bytes wanted, the system has no room for them")};
}

}  // namespace thimble
