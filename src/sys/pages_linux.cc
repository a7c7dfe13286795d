// SPDX-License-Identifier: Apache-2.0
#include "sys/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace thimble {

bool UseSmallPages(void* memory, std::size_t size_bytes) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  if (reinterpret_cast<std::uintptr_t>(memory) % page != 0) return false;  // not a mapping of its own
  return madvise(memory, size_bytes, MADV_NOHUGEPAGE) == 0;
}

std::uint64_t HugePageBytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  std::string word;
  while (file >> word) {
    std::uint64_t kibibytes = 0;
    if (word == "AnonHugePages:" && file >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace thimble
