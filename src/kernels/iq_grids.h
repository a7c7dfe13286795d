// SPDX-License-Identifier: Apache-2.0
// Codebooks of the IQ quantisation types (spec 10.3), one entry a word, element 0 in the lowest byte.
#pragma once

#include <cstdint>

namespace thimble::kernels {

extern const std::uint64_t kIq2XxsGrid[256];
extern const std::uint64_t kIq2XsGrid[512];
extern const std::uint64_t kIq2SGrid[1024];
extern const std::uint32_t kIq3XxsGrid[256];
extern const std::uint32_t kIq3SGrid[512];
extern const std::uint64_t kIq1SGrid[2048];  // signed bytes -1, 0, 1

}  // namespace thimble::kernels
