// SPDX-License-Identifier: Apache-2.0
// The module's memory: how much of it is taken, and how much it can grow.
#pragma once

#include <cstdint>

namespace thimble::browser {

// Up to `bytes` in all (0: as far as the module's limits allow).
void SetMemoryLimit(std::uint64_t bytes);
// What can still be taken, in one piece at best.
std::uint64_t FreeMemoryBytes();
// What the module's memory has grown to; it never shrinks.
std::uint64_t MemoryBytes();
// Grows the memory once, so that this many bytes can be taken: some browsers take long over each growing. All threads
// touch it, for the system's first look at a page costs more than reading a file into it.
void ReserveMemory(std::uint64_t bytes, int threads);

}  // namespace thimble::browser
