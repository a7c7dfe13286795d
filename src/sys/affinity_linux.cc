// SPDX-License-Identifier: Apache-2.0
#include "sys/affinity_linux.h"

#include "sys/affinity.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <system_error>

namespace thimble {

namespace {

constexpr std::size_t kMostProcessors = std::size_t{1} << 20;

}  // namespace

std::vector<int> AllowedProcessors() {
  std::vector<int> processors;
  // The kernel refuses a mask that is too small for the machine, so grow it until it fits.
  for (std::size_t most = 1024; most <= kMostProcessors; most *= 2) {
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

bool PlaceThread(std::thread::native_handle_type thread, std::span<const int> processors) {
  std::size_t most = 1024;
  for (const int number : processors) {
    if (number < 0 || static_cast<std::size_t>(number) >= kMostProcessors) return false;
    most = std::max(most, static_cast<std::size_t>(number) + 1);
  }
  cpu_set_t* mask = CPU_ALLOC(most);
  if (mask == nullptr) return false;
  const std::size_t mask_bytes = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(mask_bytes, mask);
  for (const int number : processors) CPU_SET_S(static_cast<std::size_t>(number), mask_bytes, mask);
  const bool is_placed = pthread_setaffinity_np(thread, mask_bytes, mask) == 0;
  CPU_FREE(mask);
  return is_placed;
}

bool PlaceThisThread(std::span<const int> processors) { return PlaceThread(pthread_self(), processors); }

std::vector<int> TryPlacement(std::span<const int> processors) {
  std::vector<int> got;
  try {
    std::thread([&] {
      if (PlaceThisThread(processors)) got = AllowedProcessors();
    }).join();
  } catch (const std::system_error&) {
    return {};  // no thread is to be had
  }
  return got;
}

PlacementScope::PlacementScope() : before_(AllowedProcessors()) {}
PlacementScope::~PlacementScope() { (void)PlaceThisThread(before_); }

}  // namespace thimble
