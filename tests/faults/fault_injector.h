// SPDX-License-Identifier: Apache-2.0
// Makes one allocation or one read fail, and counts what is in use. The program that links this counts by its own
// operators new, and by the linker's --wrap for what the core asks of the C library (CMakeLists.txt names it); shared
// libraries ask past it.
#pragma once

#include <cstdint>

namespace thimble::testing {

// Whose allocations and reads are counted and fail.
enum class Whose {
  kOwn,     // the thread's that armed
  kOthers,  // all other threads'
};

// From now on allocations and reads are counted, and number `index` of them, from 0, fails; a negative one: none.
void Arm(Whose whose, std::int64_t index);
// No more of that. How many there were.
std::int64_t Disarm();
// Whether one has failed since Arm.
bool HasFailed();

// For sources of bytes that are no files: whether the read that is about to happen has to fail.
bool ReadMustFail();

// What is in use.
struct InUse {
  std::int64_t blocks = 0;        // by operator new or aligned_alloc
  std::int64_t mapped_bytes = 0;  // by mmap
  std::int64_t handles = 0;       // files and folders that are open

  bool operator==(const InUse&) const = default;
};
InUse CountInUse();

}  // namespace thimble::testing
