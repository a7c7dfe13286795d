// SPDX-License-Identifier: Apache-2.0
// The processors that a Linux system lets this thread run on.
#pragma once

#include <vector>

namespace thimble {

// Numbers of the processors in the calling thread's affinity mask, ascending; empty when the kernel does not say.
std::vector<int> AllowedProcessors();

}  // namespace thimble
