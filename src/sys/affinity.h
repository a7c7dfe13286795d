// SPDX-License-Identifier: Apache-2.0
// Which processors a thread runs on. Only where the system starts threads.
#pragma once

#include <span>
#include <thread>
#include <vector>

namespace thimble {

// From now on the thread runs on those of these processors (the system's numbers) that the process may use at all.
// False where that is none of them, or the system does not place threads: it stays where it was.
bool PlaceThread(std::thread::native_handle_type thread, std::span<const int> processors);
bool PlaceThisThread(std::span<const int> processors);

// What the calling thread would get if it were placed so, ascending: nothing where that is refused. A thread of its own
// tries.
std::vector<int> TryPlacement(std::span<const int> processors);

// Puts the calling thread back where it was when this goes.
class PlacementScope {
 public:
  PlacementScope();
  ~PlacementScope();
  PlacementScope(const PlacementScope&) = delete;
  PlacementScope& operator=(const PlacementScope&) = delete;

 private:
  std::vector<int> before_;
};

}  // namespace thimble
