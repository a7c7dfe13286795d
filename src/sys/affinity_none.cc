// SPDX-License-Identifier: Apache-2.0
// Where the system does not place threads, or says nothing about it.
#include "sys/affinity.h"

namespace thimble {

bool PlaceThread(std::thread::native_handle_type /*thread*/, std::span<const int> /*processors*/) { return false; }
bool PlaceThisThread(std::span<const int> /*processors*/) { return false; }
std::vector<int> TryPlacement(std::span<const int> /*processors*/) { return {}; }
PlacementScope::PlacementScope() = default;
PlacementScope::~PlacementScope() = default;

}  // namespace thimble
