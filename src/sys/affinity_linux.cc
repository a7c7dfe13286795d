// SPDX-License-Identifier: Apache-2.0
#include "sys/affinity_linux.h"

#include <cstddef>

#include <sched.h>

namespace thimble {

std::vector<int> AllowedProcessors() {
  std::vector<int> processors;
  // The kernel refuses a mask that is too small for the machine, so grow it until it fits.
  for (std::size_t most = 1024; most <= (std::size_t{1} << 20); most *= 2) {
    cpu_set_t* mask = CPU_ALLOC(most);
    if (mask == nullptr) return processors;
    const std::size_t mask_bytes = CPU_ALLOC_SIZE(most);
    CPU_ZERO_S(mask_bytes, mask);
    const bool is_known = sched_getaffinity(0, mask_bytes, mask) == 0;
    for (std::size_t number = 0; is_known && number < most; ++number) {
      if (CPU_ISSET_S(number, mask_bytes, mask)) processors.push_back(static_cast<int>(number));
    }
    CPU_FREE(mask);
    if (is_known) return processors;
  }
  return processors;
}

}  // namespace thimble
