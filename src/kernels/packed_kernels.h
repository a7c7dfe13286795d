// SPDX-License-Identifier: Apache-2.0
// The integer half of a kernel table: products of packed weights with int8 activations. Two forms:
//
//   narrow  few rows (decoding): codes are unpacked in registers and used at once; bound by reading the weights
//   wide    many rows (prompts): a panel's codes are unpacked once per super-block into a scratch that stays in L1,
//   then
//           multiplied with all rows; bound by integer multiply-adds. With a dot that adds up in 16 bits (AVX2) scales
//           become integers, so that scaling is part of the widening to 32 bits
//
// The generic text is generic/packed_narrow.inl, packed_wide.inl and packed_scaled.inl; docs/kernels.md follows one
// product through both forms.
#pragma once

#include "kernels/formats.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

// A row of activations over the columns of a super-block, as signed 8-bit codes in [-127, 127]: x = scale * code, one
// scale per block of 32 columns. Columns are padded with zeros to whole blocks; what lies behind the last block is
// undefined. Sums are kept in the forms that kernels want them in: what is subtracted from every code, and minima, are
// multiplied by them.
struct alignas(32) QuantisedSuper {
  std::int8_t codes[kSuper];
  float scales[kSuper / kBlock];
  float block_sums[kSuper / kBlock];        // of the codes of a block, times its scale
  std::int32_t sum_pairs[kSuper / kBlock];  // of codes, columns 0 to 15 in the low 16 bits, 16 to 31 in the high

  // Of the codes of the first and second half of a block.
  [[nodiscard]] std::int32_t FirstSum(int block) const { return static_cast<std::int16_t>(sum_pairs[block]); }
  [[nodiscard]] std::int32_t SecondSum(int block) const { return sum_pairs[block] >> 16; }
};

// Rows of activations. Super-block s of row t is supers[s * stride + t]: a wide product takes all rows of a super-block
// before the next one, and so reads memory in its order.
struct QuantisedRows {
  const QuantisedSuper* supers;
  std::int64_t stride;  // at least the number of rows
};
inline constexpr std::int64_t SupersOf(std::int64_t cols) { return (cols + kSuper - 1) / kSuper; }

struct PackedArgs {
  const std::byte* panels;   // first panel of this call
  std::int64_t panel_bytes;  // from one panel to the next
  int num_panels;
  std::int64_t cols;  // K
  QuantisedRows x;
  int num_rows;  // T
  float* out;    // [T, out_stride]: column 0 is the first panel's first row
  std::int64_t out_stride;
  std::int64_t num_outputs;  // columns of out to write; the last panel may stand for fewer than 16
};

struct PackedKernels {
  // Quantises one row of `cols` floats; super-block s goes to out[s * stride].
  void (*quantise_row)(const float* x, std::int64_t cols, QuantisedSuper* out, std::int64_t stride);
  // One function a family, indexed by Family; nullptr for kFileRows. A result's bits depend on its own row of weights
  // and of activations only.
  void (*narrow[kNumFamilies])(const PackedArgs& args);
  void (*wide[kNumFamilies])(const PackedArgs& args);
  // What to round a vision tower's float weights to, where products of such codes are several times as fast as float32
  // ones; kFileRows where they are not.
  Family rounded_floats;
  // Whether the families with super-blocks give the same bits in both forms.
  bool has_one_form;
};

}  // namespace thimble::kernels
