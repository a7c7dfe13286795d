// SPDX-License-Identifier: Apache-2.0
#include "sys/pages.h"

namespace thimble {

bool UseSmallPages(void*, std::size_t) { return false; }
std::uint64_t HugePageBytes() { return 0; }

}  // namespace thimble
