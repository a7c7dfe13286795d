// SPDX-License-Identifier: Apache-2.0
// Packed weight families: how a matrix lies in memory for the kernels. A family is codes x scales; file formats are
// known only to pack.cc and dequant.cc. docs/formats.md draws every layout.
#pragma once

#include <cstdint>

namespace thimble::kernels {

enum class Family : std::uint8_t {
  kFileRows,  // rows as the file stores them, any DType: widened to float32 in registers or scratch
};

}  // namespace thimble::kernels
