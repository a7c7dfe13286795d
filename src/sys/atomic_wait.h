// SPDX-License-Identifier: Apache-2.0
// Sleeping until a number changes: the library's, or WebAssembly's instructions where its library has none. For sys.
#pragma once

#include <atomic>
#include <cstdint>

namespace thimble {

#if !defined(__wasm__)

// Returns when `*number` is another than `old`; perhaps earlier.
inline void WaitForChange(const std::atomic<std::uint32_t>* number, std::uint32_t old) {
  number->wait(old, std::memory_order_acquire);
}
inline void WakeOne(std::atomic<std::uint32_t>* number) { number->notify_one(); }
inline void WakeAll(std::atomic<std::uint32_t>* number) { number->notify_all(); }

#elif defined(__wasm_atomics__)

// The same, at most so many nanoseconds; below 0: for good. Not for a page's own thread, which may not wait.
inline void WaitForChange(const std::atomic<std::uint32_t>* number, std::uint32_t old, std::int64_t nanoseconds = -1) {
  auto* const address = const_cast<int*>(reinterpret_cast<const int*>(number));
  __builtin_wasm_memory_atomic_wait32(address, static_cast<int>(old), nanoseconds);
}
inline void WakeOne(std::atomic<std::uint32_t>* number) {
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(number), 1);
}
inline void WakeAll(std::atomic<std::uint32_t>* number) {
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int*>(number), UINT32_MAX);
}

#endif

}  // namespace thimble
