// SPDX-License-Identifier: Apache-2.0
// Which system calls this process may make: Android ends a program that makes one which apps may not.
#pragma once

#include <string_view>
#include <vector>

namespace thimble::android {

struct CallCheck {
  std::string_view name;
  bool is_allowed = false;
};

// Each is tried once, harmlessly, by a process of its own that may die of it.
std::vector<CallCheck> CheckCalls();

}  // namespace thimble::android
