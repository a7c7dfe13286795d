// SPDX-License-Identifier: Apache-2.0
// Loops that do nothing but what bounds the kernels of an instruction set: multiply-adds on operands that lie in
// registers and L1, and reading memory. `thimble bench` holds the model's speed against them.
#pragma once

#include "kernels/kernel_table.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

struct PeakKernels {
  // `rounds` rounds of the packed kernels' dot sequence on 4-bit codes and int8 activations, the shortest they have
  // (AVX2: eight vpmaddubsw, their 16-bit sums, one vpmaddwd; VNNI: vpdpbusd). Returns the multiply-adds done.
  std::int64_t (*int8_multiply_adds)(std::int64_t rounds);
  // The same of float32 multiply-adds, fused where the instruction set has them so.
  std::int64_t (*float_multiply_adds)(std::int64_t rounds);
  // Reads `bytes` bytes (a multiple of kReadStep, 64-byte aligned) once, in order: the exclusive or of all 64-bit
  // words.
  std::uint64_t (*read)(const std::byte* from, std::int64_t bytes);
};
inline constexpr std::int64_t kReadStep = 256;

// The loops of the table's instruction set.
const PeakKernels& PeakOf(const KernelTable& table);

}  // namespace thimble::kernels
