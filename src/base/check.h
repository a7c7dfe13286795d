// SPDX-License-Identifier: Apache-2.0
// Checks of our own invariants. A failed check is a bug in Thimble: it prints place and expression, then aborts.
// No check may be reachable from a file, a request or a picture; those get a Result (base/result.h).
#pragma once

namespace thimble {
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
}  // namespace thimble

// Always on: cold code.
#define THIMBLE_CHECK(condition)                                              \
  do {                                                                        \
    if (!(condition)) ::thimble::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// Debug builds only: loops.
#ifdef NDEBUG
#define THIMBLE_DCHECK(condition) \
  do {                            \
    (void)sizeof(condition);      \
  } while (false)
#else
#define THIMBLE_DCHECK(condition) THIMBLE_CHECK(condition)
#endif
