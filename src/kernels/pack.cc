// SPDX-License-Identifier: Apache-2.0
#include "kernels/pack.h"

#include "base/check.h"
#include "base/half.h"
#include "kernels/dequant.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace thimble::kernels {

namespace {

// One row's super-block (up to 256 columns) between file and panel: 8-bit codes and whatever scales its family has.
struct RowSuper {
  std::array<std::uint8_t, kSuper> codes{};
  std::uint16_t d = 0;                     // f16
  std::uint16_t dmin = 0;                  // f16
  std::array<std::uint8_t, 16> sc{};       // kSuperMin: 8 used; kSuper16: signed, 16 used
  std::array<std::uint8_t, 8> mn{};        // kSuperMin
  std::array<std::uint16_t, 8> block_d{};  // kFlat, kAffine: f16 per block
  std::array<std::uint16_t, 8> block_m{};  // kAffine
};

std::uint16_t LoadU16(const std::uint8_t* p) {
  std::uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Six-bit scale and minimum of group j of Q4_K and Q5_K (spec 10.2).
void KScales(const std::uint8_t* scales, RowSuper* out) {
  for (std::size_t j = 0; j < 8; ++j) {
    if (j < 4) {
      out->sc[j] = scales[j] & 63;
      out->mn[j] = scales[j + 4] & 63;
    } else {
      out->sc[j] = static_cast<std::uint8_t>((scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4));
      out->mn[j] = static_cast<std::uint8_t>((scales[j + 4] >> 4) | ((scales[j] >> 6) << 4));
    }
  }
}

void SplitQ4K(const std::uint8_t* p, RowSuper* out) {
  out->d = LoadU16(p);
  out->dmin = LoadU16(p + 2);
  KScales(p + 4, out);
  const std::uint8_t* qs = p + 16;
  for (std::size_t pair = 0; pair < 4; ++pair) {
    for (std::size_t l = 0; l < 32; ++l) {
      out->codes[pair * 64 + l] = qs[pair * 32 + l] & 15;
      out->codes[pair * 64 + 32 + l] = qs[pair * 32 + l] >> 4;
    }
  }
}

void SplitQ5K(const std::uint8_t* p, RowSuper* out) {
  out->d = LoadU16(p);
  out->dmin = LoadU16(p + 2);
  KScales(p + 4, out);
  const std::uint8_t* qh = p + 16;
  const std::uint8_t* qs = p + 48;
  for (std::size_t pair = 0; pair < 4; ++pair) {
    for (std::size_t l = 0; l < 32; ++l) {
      const unsigned low = (qh[l] >> (2 * pair)) & 1u;
      const unsigned high = (qh[l] >> (2 * pair + 1)) & 1u;
      out->codes[pair * 64 + l] = static_cast<std::uint8_t>((qs[pair * 32 + l] & 15u) | (low << 4));
      out->codes[pair * 64 + 32 + l] = static_cast<std::uint8_t>((qs[pair * 32 + l] >> 4) | (high << 4));
    }
  }
}

void SplitQ6K(const std::uint8_t* p, RowSuper* out) {
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint8_t* ql = p + 64 * half;
    const std::uint8_t* qh = p + 128 + 32 * half;
    std::uint8_t* codes = out->codes.data() + 128 * half;
    for (std::size_t l = 0; l < 32; ++l) {
      const unsigned h = qh[l];
      codes[l] = static_cast<std::uint8_t>((ql[l] & 15u) | ((h & 3u) << 4));
      codes[32 + l] = static_cast<std::uint8_t>((ql[l + 32] & 15u) | (((h >> 2) & 3u) << 4));
      codes[64 + l] = static_cast<std::uint8_t>((ql[l] >> 4) | (((h >> 4) & 3u) << 4));
      codes[96 + l] = static_cast<std::uint8_t>((ql[l + 32] >> 4) | (((h >> 6) & 3u) << 4));
    }
  }
  std::memcpy(out->sc.data(), p + 192, 16);
  out->d = LoadU16(p + 208);
}

// The 32-element types: block `b` of the super-block.
void SplitNibbles(const std::uint8_t* qs, std::uint8_t* codes) {
  for (std::size_t j = 0; j < 16; ++j) {
    codes[j] = qs[j] & 15;
    codes[j + 16] = qs[j] >> 4;
  }
}
void AddFifthBits(const std::uint8_t* qh, std::uint8_t* codes) {
  std::uint32_t bits;
  std::memcpy(&bits, qh, sizeof bits);
  for (std::uint32_t j = 0; j < 32; ++j) codes[j] = static_cast<std::uint8_t>(codes[j] | (((bits >> j) & 1u) << 4));
}
void SplitBlock32(DType dtype, const std::uint8_t* p, std::size_t b, RowSuper* out) {
  std::uint8_t* codes = out->codes.data() + b * kBlock;
  out->block_d[b] = LoadU16(p);
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kIQ4_NL:
      SplitNibbles(p + 2, codes);
      break;
    case DType::kQ4_1:
      out->block_m[b] = LoadU16(p + 2);
      SplitNibbles(p + 4, codes);
      break;
    case DType::kQ5_0:
      SplitNibbles(p + 6, codes);
      AddFifthBits(p + 2, codes);
      break;
    case DType::kQ5_1:
      out->block_m[b] = LoadU16(p + 2);
      SplitNibbles(p + 8, codes);
      AddFifthBits(p + 4, codes);
      break;
    case DType::kQ8_0:
      for (std::size_t j = 0; j < 32; ++j) codes[j] = static_cast<std::uint8_t>(p[2 + j] ^ 0x80u);
      break;
    default:
      THIMBLE_CHECK(false);
  }
}

void SplitIQ4XS(const std::uint8_t* p, RowSuper* out) {
  const float d = F16ToF32(LoadU16(p));
  const std::uint16_t scales_h = LoadU16(p + 2);
  for (std::size_t b = 0; b < 8; ++b) {
    const int low = (p[4 + b / 2] >> (4 * (b % 2))) & 15;
    const int high = (scales_h >> (2 * b)) & 3;
    out->block_d[b] = F32ToF16(d * static_cast<float>((low | (high << 4)) - 32));
    SplitNibbles(p + 8 + 16 * b, out->codes.data() + b * kBlock);
  }
}

// Any other type: widened to float, then rounded to codes offset - largest_code .. offset + largest_code per block.
void SplitByRounding(const float* values, std::size_t columns, int offset, RowSuper* out) {
  const float largest_code = static_cast<float>(offset - 1);
  for (std::size_t b = 0; b * kBlock < columns; ++b) {
    const float* x = values + b * kBlock;
    float largest = 0;
    for (std::size_t j = 0; j < kBlock; ++j) largest = std::max(largest, std::fabs(x[j]));
    out->block_d[b] = F32ToF16(largest / largest_code);
    const float scale = F16ToF32(out->block_d[b]);
    const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    // Adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits, offset included.
    const float shift = 12582912.0f + static_cast<float>(offset);
    for (std::size_t j = 0; j < kBlock; ++j) {
      const float code = std::clamp(x[j] * inverse, -largest_code, largest_code) + shift;
      out->codes[b * kBlock + j] = static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(code));
    }
  }
}

// Super-block `index` of a row of file blocks; what has no family of its own is rounded to `family`.
void SplitSuper(DType dtype, Family family, const std::byte* row, std::int64_t index, std::size_t columns,
                RowSuper* out) {
  const DTypeTraits& traits = TraitsOf(dtype);
  const std::int64_t per_super = kSuper / traits.block_length;
  const auto* p = reinterpret_cast<const std::uint8_t*>(row) + index * per_super * traits.block_bytes;
  switch (dtype) {
    case DType::kQ4_K:
      return SplitQ4K(p, out);
    case DType::kQ5_K:
      return SplitQ5K(p, out);
    case DType::kQ6_K:
      return SplitQ6K(p, out);
    case DType::kIQ4_XS:
      return SplitIQ4XS(p, out);
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
    case DType::kIQ4_NL:
      for (std::size_t b = 0; b * kBlock < columns; ++b)
        SplitBlock32(dtype, p + b * static_cast<std::size_t>(traits.block_bytes), b, out);
      return;
    default:
      break;
  }
  std::array<float, kSuper> values{};
  RowToFloat(dtype)(reinterpret_cast<const std::byte*>(p), static_cast<std::int64_t>(columns), values.data());
  SplitByRounding(values.data(), columns, TraitsOf(family).offset, out);
}

// Code of zero weight value for rows that only fill a panel: scales are zero, so any code will do.
void StoreHeader(Scales scales, int blocks, int row, const RowSuper& from, std::byte* header) {
  const auto put16 = [&](std::size_t offset, std::uint16_t value) {
    std::memcpy(header + offset + static_cast<std::size_t>(row) * 2, &value, 2);
  };
  const auto put8 = [&](std::size_t offset, std::uint8_t value) {
    header[offset + static_cast<std::size_t>(row)] = static_cast<std::byte>(value);
  };
  switch (scales) {
    case Scales::kSuperMin:
      put16(0, from.d);
      put16(32, from.dmin);
      for (std::size_t b = 0; b < 8; ++b) {
        put8(64 + b * kPanelRows, from.sc[b]);
        put8(192 + b * kPanelRows, from.mn[b]);
      }
      return;
    case Scales::kSuper16:
      put16(0, from.d);
      for (std::size_t part = 0; part < 16; ++part) put8(64 + part * kPanelRows, from.sc[part]);
      return;
    case Scales::kFlat:
    case Scales::kAffine:
      break;
  }
  for (std::size_t b = 0; b < static_cast<std::size_t>(blocks); ++b) {
    put16(b * kPanelRows * 2, from.block_d[b]);
    if (scales == Scales::kAffine) {
      put16(static_cast<std::size_t>(HeaderBytes(Scales::kFlat, blocks)) + b * kPanelRows * 2, from.block_m[b]);
    }
  }
}

// Spreads 32 codes of one row over the steps of a block.
void StoreBlock(Codes kind, int row, const std::uint8_t* codes, std::byte* block) {
  std::array<std::uint32_t, kSteps> steps{};
  std::memcpy(steps.data(), codes, kBlock);
  const auto at = [&](int vector) { return block + vector * kStepBytes + row * kDotColumns; };
  if (kind == Codes::kU8 || kind == Codes::kU7) {
    for (int step = 0; step < kSteps; ++step) std::memcpy(at(step), &steps[static_cast<std::size_t>(step)], 4);
    return;
  }
  // Bits of four codes at once, none of which leaves its byte.
  const auto bits = [&](unsigned step, unsigned first, std::uint32_t count, unsigned to) {
    return ((steps[step] >> first) & (0x01010101u * ((1u << count) - 1))) << to;
  };
  const auto put = [&](int vector, std::uint32_t value) { std::memcpy(at(vector), &value, 4); };
  switch (kind) {
    case Codes::kU5:
      put(0, bits(0, 0, 5, 0) | bits(5, 0, 3, 5));
      put(1, bits(1, 0, 5, 0) | bits(5, 3, 2, 5) | bits(7, 3, 1, 7));
      put(2, bits(2, 0, 5, 0) | bits(6, 0, 3, 5));
      put(3, bits(3, 0, 5, 0) | bits(6, 3, 2, 5) | bits(7, 4, 1, 7));
      put(4, bits(4, 0, 5, 0) | bits(7, 0, 3, 5));
      return;
    case Codes::kU6:
      for (unsigned half = 0; half < 2; ++half) {
        for (unsigned i = 0; i < 3; ++i) {
          put(static_cast<int>(half * 3 + i), bits(half * 4 + i, 0, 6, 0) | bits(half * 4 + 3, 2 * i, 2, 6));
        }
      }
      return;
    default:
      for (unsigned pair = 0; pair < 4; ++pair)
        put(static_cast<int>(pair), bits(pair, 0, 4, 0) | bits(pair + 4, 0, 4, 4));
  }
}

}  // namespace

Family FamilyFor(DType dtype, std::int64_t cols) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return Family::kFileRows;
    case DType::kQ4_K:
      return Family::kU4Super;
    case DType::kQ5_K:
      return Family::kU5Super;
    case DType::kQ6_K:
      return Family::kU6Super;
    case DType::kQ4_0:
      return Family::kU4Flat;
    case DType::kQ4_1:
      return Family::kU4Affine;
    case DType::kQ5_0:
      return Family::kU5Flat;
    case DType::kQ5_1:
      return Family::kU5Affine;
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
      return Family::kL4Flat;
    default:
      break;
  }
  return cols % kBlock == 0 ? Family::kU8Flat : Family::kFileRows;
}

void PackPanel(DType dtype, Family family, const std::byte* rows, std::int64_t row_bytes, int num_rows,
               std::int64_t cols, std::byte* out) {
  const FamilyTraits traits = TraitsOf(family);
  const std::int64_t num_blocks = (cols + kBlock - 1) / kBlock;
  std::memset(out, 0, static_cast<std::size_t>(PanelBytes(family, cols)));
  std::byte* super = out;
  for (std::int64_t first = 0; first < num_blocks; first += 8) {
    const int blocks = static_cast<int>(std::min<std::int64_t>(8, num_blocks - first));
    const auto columns = static_cast<std::size_t>(std::min<std::int64_t>(kSuper, cols - first * kBlock));
    std::byte* codes = super + HeaderBytes(traits.scales, blocks);
    for (int row = 0; row < num_rows; ++row) {
      RowSuper split;
      SplitSuper(dtype, family, rows + row * row_bytes, first / 8, columns, &split);
      StoreHeader(traits.scales, blocks, row, split, super);
      for (int block = 0; block < blocks; ++block) {
        StoreBlock(traits.codes, row, split.codes.data() + block * kBlock,
                   codes + block * BlockCodeBytes(traits.codes));
      }
    }
    super += SuperBytes(traits, blocks);
  }
}

namespace {

int CodeAt(Codes kind, const std::byte* block, int row, int column) {
  const int step = column / kDotColumns;
  const int byte = row * kDotColumns + column % kDotColumns;
  const auto at = [&](int vector) { return static_cast<int>(block[vector * kStepBytes + byte]); };
  if (kind == Codes::kU8 || kind == Codes::kU7) return at(step);
  if (kind == Codes::kU5) {
    if (step < 5) return at(step) & 31;
    if (step == 7) return at(4) >> 5 | (at(1) >> 7) << 3 | (at(3) >> 7) << 4;
    const int first = step == 5 ? 0 : 2;
    return at(first) >> 5 | ((at(first + 1) >> 5) & 3) << 3;
  }
  if (kind == Codes::kU6) {
    const int first = step / 4 * 3;
    if (step % 4 < 3) return at(first + step % 4) & 63;
    return at(first) >> 6 | (at(first + 1) >> 6) << 2 | (at(first + 2) >> 6) << 4;
  }
  int code = step < 4 ? at(step) & 15 : at(step - 4) >> 4;
  if (kind == Codes::kL4) code = kL4Values[code] + 128;
  return code;
}

float HalfAt(const std::byte* p, std::int64_t offset) {
  std::uint16_t bits;
  std::memcpy(&bits, p + offset, 2);
  return F16ToF32(bits);
}

}  // namespace

void PanelRowToFloat(Family family, const std::byte* panel, int row, std::int64_t cols, float* out) {
  const FamilyTraits traits = TraitsOf(family);
  const std::int64_t num_blocks = (cols + kBlock - 1) / kBlock;
  const std::byte* super = panel;
  for (std::int64_t first = 0; first < num_blocks; first += 8) {
    const int blocks = static_cast<int>(std::min<std::int64_t>(8, num_blocks - first));
    const std::byte* codes = super + HeaderBytes(traits.scales, blocks);
    const std::int64_t columns = std::min<std::int64_t>(blocks * kBlock, cols - first * kBlock);
    for (std::int64_t i = 0; i < columns; ++i) {
      const auto block = static_cast<int>(i / kBlock);
      const int code =
          CodeAt(traits.codes, codes + block * BlockCodeBytes(traits.codes), row, static_cast<int>(i % kBlock));
      float value = 0;
      switch (traits.scales) {
        case Scales::kSuperMin: {
          const float d = HalfAt(super, row * 2) * static_cast<float>(super[64 + block * kPanelRows + row]);
          const float m = HalfAt(super, 32 + row * 2) * static_cast<float>(super[192 + block * kPanelRows + row]);
          value = d * static_cast<float>(code) - m;
          break;
        }
        case Scales::kSuper16: {
          const auto sc = static_cast<std::int8_t>(super[64 + (i / 16) * kPanelRows + row]);
          value = HalfAt(super, row * 2) * static_cast<float>(sc) * static_cast<float>(code - traits.offset);
          break;
        }
        case Scales::kFlat:
          value = HalfAt(super, (block * kPanelRows + row) * 2) * static_cast<float>(code - traits.offset);
          break;
        case Scales::kAffine:
          value = HalfAt(super, (block * kPanelRows + row) * 2) * static_cast<float>(code) +
                  HalfAt(super, HeaderBytes(Scales::kFlat, blocks) + (block * kPanelRows + row) * 2);
          break;
      }
      out[first * kBlock + i] = value;
    }
    super += SuperBytes(traits, blocks);
  }
}

namespace {

// The 32 codes of row `row` of a block, in order: StoreBlock backwards, four codes at once.
std::array<std::uint8_t, kBlock> LoadBlock(Codes kind, int row, const std::byte* block) {
  std::array<std::uint32_t, kSteps> words{};
  const int vectors = BlockCodeBytes(kind) / kStepBytes;
  for (int vector = 0; vector < vectors; ++vector)
    std::memcpy(&words[static_cast<std::size_t>(vector)], block + vector * kStepBytes + row * kDotColumns, 4);
  // `count` bits of each byte of a word from bit `first` on, moved up to bit `to`.
  const auto bits = [&](std::size_t vector, unsigned first, std::uint32_t count, unsigned to) {
    return ((words[vector] >> first) & (0x01010101u * ((1u << count) - 1))) << to;
  };
  std::array<std::uint32_t, kSteps> steps = words;
  switch (kind) {
    case Codes::kU7:
    case Codes::kU8:
      break;
    case Codes::kU5:
      for (std::size_t step = 0; step < 5; ++step) steps[step] = bits(step, 0, 5, 0);
      steps[5] = bits(0, 5, 3, 0) | bits(1, 5, 2, 3);
      steps[6] = bits(2, 5, 3, 0) | bits(3, 5, 2, 3);
      steps[7] = bits(4, 5, 3, 0) | bits(1, 7, 1, 3) | bits(3, 7, 1, 4);
      break;
    case Codes::kU6:
      for (std::size_t half = 0; half < 2; ++half) {
        const std::size_t from = half * 3;
        for (std::size_t i = 0; i < 3; ++i) steps[half * 4 + i] = bits(from + i, 0, 6, 0);
        steps[half * 4 + 3] = bits(from, 6, 2, 0) | bits(from + 1, 6, 2, 2) | bits(from + 2, 6, 2, 4);
      }
      break;
    case Codes::kU4:
    case Codes::kL4:
      for (std::size_t pair = 0; pair < 4; ++pair) {
        steps[pair] = bits(pair, 0, 4, 0);
        steps[pair + 4] = bits(pair, 4, 4, 0);
      }
      break;
  }
  std::array<std::uint8_t, kBlock> codes;
  std::memcpy(codes.data(), steps.data(), kBlock);
  if (kind == Codes::kL4) {
    for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(kL4Values[code] + 128);
  }
  return codes;
}

}  // namespace

void PanelToFloat(Family family, const std::byte* panel, int num_rows, std::int64_t cols, float* out) {
  const FamilyTraits traits = TraitsOf(family);
  const std::int64_t num_blocks = (cols + kBlock - 1) / kBlock;
  const std::byte* super = panel;
  for (std::int64_t index = 0; index < num_blocks; ++index) {
    const auto block = static_cast<int>(index % 8);
    const int blocks = static_cast<int>(std::min<std::int64_t>(8, num_blocks - (index - block)));
    const std::byte* codes = super + HeaderBytes(traits.scales, blocks) + block * BlockCodeBytes(traits.codes);
    const auto count = static_cast<std::size_t>(std::min<std::int64_t>(kBlock, cols - index * kBlock));
    for (int row = 0; row < num_rows; ++row) {
      // value = scale * (code - offset) - min, each of the two halves with a scale of its own where parts are of 16.
      std::array<float, 2> scale{};
      float min = 0;
      switch (traits.scales) {
        case Scales::kSuperMin:
          scale.fill(HalfAt(super, row * 2) * static_cast<float>(super[64 + block * kPanelRows + row]));
          min = HalfAt(super, 32 + row * 2) * static_cast<float>(super[192 + block * kPanelRows + row]);
          break;
        case Scales::kSuper16:
          for (int half = 0; half < 2; ++half) {
            const auto sc = static_cast<std::int8_t>(super[64 + (2 * block + half) * kPanelRows + row]);
            scale[static_cast<std::size_t>(half)] = HalfAt(super, row * 2) * static_cast<float>(sc);
          }
          break;
        case Scales::kFlat:
        case Scales::kAffine:
          scale.fill(HalfAt(super, (block * kPanelRows + row) * 2));
          if (traits.scales == Scales::kAffine)
            min = -HalfAt(super, HeaderBytes(Scales::kFlat, blocks) + (block * kPanelRows + row) * 2);
          break;
      }
      const std::array<std::uint8_t, kBlock> row_codes = LoadBlock(traits.codes, row, codes);
      float* to = out + row * cols + index * kBlock;
      const auto value = [&](std::size_t i) {
        return scale[i / 16] * static_cast<float>(row_codes[i] - traits.offset) - min;
      };
      if (count == kBlock) {
        for (std::size_t i = 0; i < kBlock; ++i) to[i] = value(i);
      } else {
        for (std::size_t i = 0; i < count; ++i) to[i] = value(i);
      }
    }
    if (block == blocks - 1) super += SuperBytes(traits, blocks);
  }
}

}  // namespace thimble::kernels
