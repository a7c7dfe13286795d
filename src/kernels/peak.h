// SPDX-License-Identifier: Apache-2.0
// Loops that do nothing but what bounds the kernels of an instruction set: multiply-adds on operands that lie in
// registers and L1, and reading memory. `thimble bench` holds the model's speed against them.
#pragma once

#include "kernels/kernel_table.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

using MultiplyAddsFn = std::int64_t (*)(std::int64_t rounds);

struct PeakKernels {
  // `rounds` rounds of the packed kernels' dot sequence on 4-bit codes and int8 activations, the shortest they have
  // (AVX2: eight vpmaddubsw, their 16-bit sums, one vpmaddwd; VNNI: vpdpbusd). Returns the multiply-adds done.
  MultiplyAddsFn int8_multiply_adds;
  // The same of float32 multiply-adds, fused where the instruction set has them so.
  MultiplyAddsFn float_multiply_adds;
  // Reads `bytes` bytes (a multiple of kReadStep, 64-byte aligned) once, in order: the exclusive or of all 64-bit
  // words.
  std::uint64_t (*read)(const std::byte* from, std::int64_t bytes);
};
inline constexpr std::int64_t kReadStep = 256;

// The loops of the table's instruction set.
PeakKernels PeakOf(const KernelTable& table);

}  // namespace thimble::kernels
