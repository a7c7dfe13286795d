// SPDX-License-Identifier: Apache-2.0
// KernelTable: one instruction set's functions as plain pointers. One thread, raw pointers, no allocation.
// Letters: N = rows of the weight = outputs, K = inputs, T = tokens (rows of activations).
#pragma once

#include "kernels/float_kernels.h"
#include "kernels/packed_kernels.h"

#include <cstdint>

namespace thimble::kernels {

struct KernelTable {
  const char* name;             // "avx512vnni"; also the value of THIMBLE_ISA that forces it
  std::uint32_t needs;          // CpuFeature bits, all of which must be present
  const FloatKernels* f32;      // products, norms, attention, delta rule in float32
  const PackedKernels* packed;  // packed weights times int8 activations
};

}  // namespace thimble::kernels
