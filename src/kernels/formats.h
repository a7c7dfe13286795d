// SPDX-License-Identifier: Apache-2.0
// Packed weight families: how a matrix lies in memory for the kernels. A family is codes x scales; file formats are
// known only to pack.cc and dequant.cc. docs/formats.md draws every layout.
//
// A panel holds kPanelRows rows of the weight, interleaved; a panel is a row of super-blocks of up to 256 columns:
//
//   super-block:  header (scales of all rows, rounded up to 64 bytes) | block 0 | block 1 | ... | block 7
//   block:        32 columns = 8 steps of 4 columns. One step of 8-bit codes is 64 bytes:
//                 row 0 k0 k1 k2 k3, row 1 k0 k1 k2 k3, ... row 15 k0 k1 k2 k3
//
// so that one dot step multiplies 4 columns of 16 rows by the same 4 activations. Codes of fewer bits share the bytes:
//
//   u4   4 x 64 bytes: byte vector i = step i in the low nibbles, step i + 4 in the high nibbles
//   u5   5 x 64 bytes: vector i = step i in the low five bits. In the high three, lowest bits first: of vector 0 bits
//        0 to 2 of step 5; of 1 bits 3 and 4 of step 5, bit 3 of step 7; of 2 bits 0 to 2 of step 6; of 3 bits 3 and 4
//        of step 6, bit 4 of step 7; of 4 bits 0 to 2 of step 7
//   u6   6 x 64 bytes: vectors 0 to 2 = steps 0 to 2 in the low six bits, and in the high two bits 0 and 1, 2 and 3,
//        4 and 5 of step 3; vectors 3 to 5 = steps 4 to 7 in the same way
//   u7   8 x 64 bytes, codes below 128
//   u8   8 x 64 bytes
//
// The layout is the same for every instruction set: a narrower vector takes a part of the 64 bytes.
#pragma once

#include <cstdint>

namespace thimble::kernels {

enum class Family : std::uint8_t {
  kFileRows,  // rows as the file stores them, any DType: widened to float32 in registers or scratch
  kU4Super,   // Q4_K: w = d * sc * u - dmin * mn, sc and mn per 32
  kU5Super,   // Q5_K
  kU6Super,   // Q6_K: w = d * sc * (u - 32), sc per 16
  kU4Flat,    // Q4_0: w = d * (u - 8), d per 32
  kU4Affine,  // Q4_1: w = d * u + m per 32
  kU5Flat,    // Q5_0: w = d * (u - 16)
  kU5Affine,  // Q5_1
  kL4Flat,    // IQ4_NL, IQ4_XS: w = d * table[u], d per 32
  kU8Flat,    // Q8_0: w = d * (u - 128); also what every other quantised type is rounded to
  kU7Flat,    // w = d * (u - 64): floats rounded where products of 8-bit codes need more than one instruction (AVX2)
};
inline constexpr int kNumFamilies = 11;

// Names what PackPanel makes of a file's rows. Packed weights are kept on disk (model/pack_cache.h): raise it with
// every change of a layout above, of a family's number, or of what packing rounds to. kernels/panel_revision_test.cc
// notices.
inline constexpr std::uint32_t kPanelRevision = 2;

inline constexpr int kPanelRows = 16;
inline constexpr int kBlock = 32;      // columns of a block
inline constexpr int kSuper = 256;     // columns of a full super-block
inline constexpr int kSteps = 8;       // dot steps of a block
inline constexpr int kStepBytes = 64;  // 16 rows x 4 columns of 8-bit codes
inline constexpr int kDotColumns = 4;  // columns of a dot step

// How a family's columns of one block and its header are stored.
enum class Codes : std::uint8_t { kU4, kU5, kU6, kL4, kU8, kU7 };
enum class Scales : std::uint8_t {
  kSuperMin,  // header: d[16] f16, dmin[16] f16, sc[8][16] u8, mn[8][16] u8
  kSuper16,   // header: d[16] f16, 32 bytes unused, sc[16][16] s8
  kFlat,      // header: d[blocks][16] f16
  kAffine,    // header: d[blocks][16] f16, m[blocks][16] f16
};

struct FamilyTraits {
  Codes codes;
  Scales scales;
  int offset;  // subtracted from a code before scaling (kFlat, kSuper16)
};
inline constexpr FamilyTraits TraitsOf(Family family) {
  switch (family) {
    case Family::kU4Super:
      return {Codes::kU4, Scales::kSuperMin, 0};
    case Family::kU5Super:
      return {Codes::kU5, Scales::kSuperMin, 0};
    case Family::kU6Super:
      return {Codes::kU6, Scales::kSuper16, 32};
    case Family::kU4Flat:
      return {Codes::kU4, Scales::kFlat, 8};
    case Family::kU4Affine:
      return {Codes::kU4, Scales::kAffine, 0};
    case Family::kU5Flat:
      return {Codes::kU5, Scales::kFlat, 16};
    case Family::kU5Affine:
      return {Codes::kU5, Scales::kAffine, 0};
    case Family::kL4Flat:
      return {Codes::kL4, Scales::kFlat, 128};
    case Family::kU7Flat:
      return {Codes::kU7, Scales::kFlat, 64};
    case Family::kU8Flat:
    case Family::kFileRows:
      break;
  }
  return {Codes::kU8, Scales::kFlat, 128};
}

inline constexpr int BlockCodeBytes(Codes codes) {
  switch (codes) {
    case Codes::kU4:
    case Codes::kL4:
      return 4 * kStepBytes;
    case Codes::kU5:
      return 5 * kStepBytes;
    case Codes::kU6:
      return 6 * kStepBytes;
    case Codes::kU7:
    case Codes::kU8:
      break;
  }
  return 8 * kStepBytes;
}
// Bytes of a super-block's header when it holds `blocks` blocks (1 to 8).
inline constexpr int HeaderBytes(Scales scales, int blocks) {
  const int per_block = kPanelRows * 2;
  switch (scales) {
    case Scales::kSuperMin:
    case Scales::kSuper16:
      return 64 + 256;
    case Scales::kFlat:
      return (blocks * per_block + 63) / 64 * 64;
    case Scales::kAffine:
      break;
  }
  return 2 * ((blocks * per_block + 63) / 64 * 64);
}
inline constexpr std::int64_t SuperBytes(FamilyTraits traits, int blocks) {
  return HeaderBytes(traits.scales, blocks) + static_cast<std::int64_t>(blocks) * BlockCodeBytes(traits.codes);
}
// Bytes of a panel of `cols` columns (rounded up to whole blocks; the columns added are zero weights).
inline constexpr std::int64_t PanelBytes(Family family, std::int64_t cols) {
  const FamilyTraits traits = TraitsOf(family);
  const std::int64_t blocks = (cols + kBlock - 1) / kBlock;
  const std::int64_t full = blocks / 8;
  const int rest = static_cast<int>(blocks % 8);
  return full * SuperBytes(traits, 8) + (rest > 0 ? SuperBytes(traits, rest) : 0);
}

static_assert(SuperBytes(TraitsOf(Family::kU4Super), 8) == 2368);  // 4.625 bits a weight
static_assert(SuperBytes(TraitsOf(Family::kU5Super), 8) == 2880);  // 5.625
static_assert(SuperBytes(TraitsOf(Family::kU6Super), 8) == 3392);  // 6.625
static_assert(SuperBytes(TraitsOf(Family::kU4Flat), 8) == 2304);   // 4.5
static_assert(SuperBytes(TraitsOf(Family::kU8Flat), 8) == 4352);   // 8.5

// The 16 values that 4-bit codes of IQ4_NL and IQ4_XS stand for.
inline constexpr std::int8_t kL4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace thimble::kernels
