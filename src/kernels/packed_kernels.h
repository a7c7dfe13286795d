// SPDX-License-Identifier: Apache-2.0
// The integer half of a kernel table: products of packed weights with int8 activations. Two forms:
//
//   narrow  few rows (decoding): codes are unpacked in registers and used at once; bound by reading the weights
//   wide    many rows (prompts): a panel's codes are unpacked once per super-block into a scratch that stays in L1,
//   then
//           multiplied with all rows; bound by integer multiply-adds. With an exact 8-bit dot (VNNI) they are also
//           rescaled to one scale per row and super-block, so that scaling is rare
//
// The generic text is generic/packed_narrow.inl, packed_wide.inl and packed_rescaled.inl; docs/kernels.md follows one
// product through both.
#pragma once

#include "kernels/formats.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

// Rows of activations as signed 8-bit codes in [-127, 127]: x = scale * code, one scale per group of columns (32 for
// the narrow form; 32 or 256 for the wide one). Columns are padded with zeros to whole blocks.
struct QuantisedRows {
  const std::int8_t* codes;  // [T, code_stride]
  const float* scales;       // [T, scale_stride], one per group
  const std::int32_t* sums;  // [T, sum_stride]: of codes, one per SumColumns(group)
  std::int64_t code_stride;
  std::int64_t scale_stride;
  std::int64_t sum_stride;
};

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
  // Quantises one row of `cols` floats into codes (padded), scales and sums (layouts above).
  void (*quantise_row)(const float* x, std::int64_t cols, int group_blocks, int sum_columns, std::int8_t* codes,
                       float* scales, std::int32_t* sums);
  // One function a family, indexed by Family; nullptr for kFileRows. A result's bits depend on its own row of weights
  // and of activations only.
  void (*narrow[kNumFamilies])(const PackedArgs& args);
  void (*wide[kNumFamilies])(const PackedArgs& args);
  // Blocks that share one activation scale in the wide form of most families: 8 where super-blocks are rescaled,
  // else 1. kL4Flat and kU8Flat always take 1.
  int wide_group_blocks;
};

inline int WideGroupBlocks(const PackedKernels& kernels, Family family) {
  return TraitsOf(family).codes == Codes::kU8 || TraitsOf(family).codes == Codes::kL4 ? 1 : kernels.wide_group_blocks;
}
// Columns per sum of activation codes.
inline constexpr int SumColumns(int group_blocks) { return group_blocks == 1 ? 16 : group_blocks * kBlock; }

}  // namespace thimble::kernels
