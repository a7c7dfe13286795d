// SPDX-License-Identifier: Apache-2.0
// The integer half of a kernel table: products of packed weights with int8 activations. Two forms:
//
//   narrow  few rows (decoding): codes are unpacked in registers and used at once; bound by reading the weights
//   wide    many rows (prompts): a panel's codes are unpacked once per super-block into a scratch that stays in L1,
//   then
//           multiplied with all rows; bound by integer multiply-adds. With an exact 8-bit dot (VNNI) they are also
//           rescaled to one scale per row and super-block, so that scaling is rare; with a dot that adds up in 16 bits
//           (AVX2) scales become integers, so that scaling is part of the widening to 32 bits
//
// The generic text is generic/packed_narrow.inl, packed_wide.inl, packed_rescaled.inl and packed_scaled.inl;
// docs/kernels.md follows one product through both forms.
#pragma once

#include "kernels/formats.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

// Which columns of a row of activations share a scale, and how sums of its codes are kept.
enum class RowForm : std::uint8_t {
  kPerBlock,       // a scale per 32 columns; a sum per 16 columns
  kPerSuper,       // a scale per 256 columns; a sum per 256 columns
  kPerSuperPairs,  // a scale per 256 columns; per 32 columns two 16-bit sums: columns 0 to 15 in the low half, 16 to 31
};
inline constexpr int GroupColumns(RowForm form) { return form == RowForm::kPerBlock ? kBlock : kSuper; }
inline constexpr int SumColumns(RowForm form) {
  return form == RowForm::kPerBlock ? 16 : form == RowForm::kPerSuper ? kSuper : kBlock;
}

// Rows of activations as signed 8-bit codes in [-127, 127]: x = scale * code. Columns are padded with zeros to whole
// blocks.
struct QuantisedRows {
  const std::int8_t* codes;  // [T, code_stride]
  const float* scales;       // [T, scale_stride], one per GroupColumns(form)
  const std::int32_t* sums;  // [T, sum_stride]: of codes, one per SumColumns(form)
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
  void (*quantise_row)(const float* x, std::int64_t cols, RowForm form, std::int8_t* codes, float* scales,
                       std::int32_t* sums);
  // One function a family, indexed by Family; nullptr for kFileRows. A result's bits depend on its own row of weights
  // and of activations only.
  void (*narrow[kNumFamilies])(const PackedArgs& args);
  void (*wide[kNumFamilies])(const PackedArgs& args);
  // The rows that the narrow form of families with super-blocks takes, and those of the wide form of most families.
  // Everything else takes kPerBlock.
  RowForm narrow_super_form;
  RowForm wide_form;
};

inline RowForm NarrowForm(const PackedKernels& kernels, Family family) {
  const Scales scales = TraitsOf(family).scales;
  return scales == Scales::kSuperMin || scales == Scales::kSuper16 ? kernels.narrow_super_form : RowForm::kPerBlock;
}

inline RowForm WideForm(const PackedKernels& kernels, Family family) {
  const Codes codes = TraitsOf(family).codes;
  return codes == Codes::kU8 || codes == Codes::kL4 ? RowForm::kPerBlock : kernels.wide_form;
}

}  // namespace thimble::kernels
