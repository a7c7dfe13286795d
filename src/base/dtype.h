// SPDX-License-Identifier: Apache-2.0
// DType: how a tensor's numbers are stored in a file. Values are GGUF's type ids, because they are on disk; do not
// change.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace thimble {

// NOLINTBEGIN(readability-identifier-naming): the underscores belong to the names of the types.
enum class DType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ2_XXS = 16,
  kIQ2_XS = 17,
  kIQ3_XXS = 18,
  kIQ1_S = 19,
  kIQ4_NL = 20,
  kIQ3_S = 21,
  kIQ2_S = 22,
  kIQ4_XS = 23,
  kIQ1_M = 29,
  kBF16 = 30,
  kTQ1_0 = 34,
  kTQ2_0 = 35,
  kMXFP4 = 39,
  kNVFP4 = 40,
};
// NOLINTEND(readability-identifier-naming)

// One row is cols / block_length blocks of block_bytes bytes, without padding.
struct DTypeTraits {
  DType dtype;
  std::string_view name;
  int block_length;  // elements
  int block_bytes;
};

inline constexpr std::array<DTypeTraits, 26> kDTypes = {{
    {DType::kF32, "F32", 1, 4},
    {DType::kF16, "F16", 1, 2},
    {DType::kQ4_0, "Q4_0", 32, 18},
    {DType::kQ4_1, "Q4_1", 32, 20},
    {DType::kQ5_0, "Q5_0", 32, 22},
    {DType::kQ5_1, "Q5_1", 32, 24},
    {DType::kQ8_0, "Q8_0", 32, 34},
    {DType::kQ2_K, "Q2_K", 256, 84},
    {DType::kQ3_K, "Q3_K", 256, 110},
    {DType::kQ4_K, "Q4_K", 256, 144},
    {DType::kQ5_K, "Q5_K", 256, 176},
    {DType::kQ6_K, "Q6_K", 256, 210},
    {DType::kIQ2_XXS, "IQ2_XXS", 256, 66},
    {DType::kIQ2_XS, "IQ2_XS", 256, 74},
    {DType::kIQ3_XXS, "IQ3_XXS", 256, 98},
    {DType::kIQ1_S, "IQ1_S", 256, 50},
    {DType::kIQ4_NL, "IQ4_NL", 32, 18},
    {DType::kIQ3_S, "IQ3_S", 256, 110},
    {DType::kIQ2_S, "IQ2_S", 256, 82},
    {DType::kIQ4_XS, "IQ4_XS", 256, 136},
    {DType::kIQ1_M, "IQ1_M", 256, 56},
    {DType::kBF16, "BF16", 1, 2},
    {DType::kTQ1_0, "TQ1_0", 256, 54},
    {DType::kTQ2_0, "TQ2_0", 256, 66},
    {DType::kMXFP4, "MXFP4", 32, 17},
    {DType::kNVFP4, "NVFP4", 64, 36},
}};

// nullptr for a type id we do not know.
inline constexpr const DTypeTraits* FindDType(std::uint32_t type_id) {
  for (const DTypeTraits& traits : kDTypes) {
    if (static_cast<std::uint32_t>(traits.dtype) == type_id) return &traits;
  }
  return nullptr;
}

inline constexpr const DTypeTraits& TraitsOf(DType dtype) { return *FindDType(static_cast<std::uint32_t>(dtype)); }

// Bytes of one row of `cols` elements; cols must be a multiple of the block length.
inline constexpr std::uint64_t RowBytes(DType dtype, std::uint64_t cols) {
  const DTypeTraits& traits = TraitsOf(dtype);
  return cols / static_cast<std::uint64_t>(traits.block_length) * static_cast<std::uint64_t>(traits.block_bytes);
}

}  // namespace thimble
