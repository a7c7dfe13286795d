// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace thimble {

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "thimble: internal error at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace thimble
