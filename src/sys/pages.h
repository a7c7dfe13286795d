// SPDX-License-Identifier: Apache-2.0
// Page sizes behind large buffers: base/buffer.h asks for huge pages; this takes that back, and looks what came of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thimble {

// Keeps a buffer of at least 2 MiB that nobody has touched yet on pages of the ordinary size. False where the system
// gives no choice.
bool UseSmallPages(void* memory, std::size_t size_bytes);

// Bytes of this process's memory that huge pages stand behind now; 0 when there are none or the system does not say.
std::uint64_t HugePageBytes();

}  // namespace thimble
