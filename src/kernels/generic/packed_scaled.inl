// SPDX-License-Identifier: Apache-2.0
// The wide form for instruction sets whose 8-bit products add up in 16 bits (AVX2's vpmaddubsw): codes stay as they
// are, and the scales of a super-block's parts become integers, so that scaling is part of the widening from 16 to 32
// bits (vpmaddwd) that has to be done anyway:
//
//   out += row_scale * (unit * sum over parts of s[part] * dot[part]  +  min_unit * sum over parts of m[part] *
//   sum[part])
//
// dot = codes times activations of a part, sum = that part's activations added up. In the families with super-block
// scales s and m are the file's own integers; scales per block become multiples of a 2047th of the largest one in the
// super-block. Included after packed_wide.inl.
//
// No sum leaves 32 bits: a part's dot is at most 16 * 127 * code, s at most 128 beside 6-bit codes and 2047 beside
// 5-bit ones, and 256 * 127 * 31 * 2047 < 2^31.

inline constexpr float kLargestScale = 2047.0f;

// The narrow form of families whose super-block scales are integers already: the same sums in the same order as below,
// so that a row's result is the same to the bit in both forms.
template <int kRun, int kFirst, int kEnd>
inline I32 NarrowRuns(I32 sums, const U8* u, const std::int8_t* a, I16 scale) {
  I16 pairs = MulPairs(u[kFirst], LoadQuad(a + kFirst * kDotColumns));
#pragma GCC unroll 8
  for (int step = kFirst + 1; step < kFirst + kRun; ++step)
    pairs = AddPairs(pairs, MulPairs(u[step], LoadQuad(a + step * kDotColumns)));
  sums = AddI32(sums, MulAddPairs(pairs, scale));
  if constexpr (kFirst + kRun < kEnd) return NarrowRuns<kRun, kFirst + kRun, kEnd>(sums, u, a, scale);
  return sums;
}

// One super-block of one vector of rows times kT rows of activations, added to acc.
template <Family kFamily, int kT>
inline void NarrowScaledSuper(const std::byte* super, int blocks, int v, const QuantisedRows& x,
                              std::int64_t first_block, std::int64_t group, F32 (&acc)[kT]) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kFits = StepsIn16Bits(BitsOf(kTraits.codes));
  constexpr int kPartSteps = kSteps / PartsPerBlock<kFamily>();
  constexpr int kRun = kFits < kPartSteps ? kFits : kPartSteps;
  const std::uint8_t* scales = AsBytes(super) + 64;
  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  I32 sums[kT];
  I32 min_sums[kT];
  for (int t = 0; t < kT; ++t) sums[t] = min_sums[t] = SetI32(0);
  for (int block = 0; block < blocks; ++block, codes += BlockCodeBytes(kTraits.codes)) {
    U8 u[kSteps];
    UnpackBlock<kTraits.codes>(codes, v, u);
    const std::int64_t index = first_block + block;
    if constexpr (kTraits.scales == Scales::kSuperMin) {
      const I16 scale = PairsOfU8(scales + block * kPanelRows, v);
      const I16 min = PairsOfU8(scales + 128 + block * kPanelRows, v);
      for (int t = 0; t < kT; ++t) {
        sums[t] = NarrowRuns<kRun, 0, kSteps>(sums[t], u, x.codes + t * x.code_stride + index * kBlock, scale);
        const I16 sum = AsPairs(SetI32(x.sums[t * x.sum_stride + index]));
        min_sums[t] = SubI32(min_sums[t], MulAddPairs(min, sum));
      }
    } else {
      const I16 first = PairsOfS8(scales + block * 2 * kPanelRows, v);
      const I16 second = PairsOfS8(scales + (block * 2 + 1) * kPanelRows, v);
      const I16 both = EachOnce(first, second);
      for (int t = 0; t < kT; ++t) {
        const std::int8_t* a = x.codes + t * x.code_stride + index * kBlock;
        sums[t] = NarrowRuns<kRun, 0, kPartSteps>(sums[t], u, a, first);
        sums[t] = NarrowRuns<kRun, kPartSteps, kSteps>(sums[t], u, a, second);
        const I16 sum = AsPairs(SetI32(x.sums[t * x.sum_stride + index]));
        min_sums[t] = SubI32(min_sums[t], MulAddPairs(both, sum));
      }
    }
  }
  const F32 unit = LoadF16AsF32(super + v * kLanes * 2);
  // The offset, a power of two, is the factor of every minimum of a family without minima.
  const F32 min_unit = kTraits.scales == Scales::kSuperMin ? LoadF16AsF32(super + 32 + v * kLanes * 2)
                                                           : Mul(unit, SetF32(static_cast<float>(kTraits.offset)));
  for (int t = 0; t < kT; ++t) {
    const F32 total = Fma(ToF32(sums[t]), unit, Mul(ToF32(min_sums[t]), min_unit));
    acc[t] = Add(acc[t], Mul(total, SetF32(x.scales[t * x.scale_stride + group])));
  }
}

template <Family kFamily>
void NarrowScaled(const PackedArgs& args) {
  NarrowPanels<kFamily>(args, []<int kT>(const std::byte* super, int blocks, int v, const QuantisedRows& x,
                                         std::int64_t first_block, F32(&acc)[kT]) {
    NarrowScaledSuper<kFamily, kT>(super, blocks, v, x, first_block, first_block / (kSuper / kBlock), acc);
  });
}

// A super-block of one panel.
struct ScaledSuper {
  alignas(64) std::uint8_t codes[8 * kSteps * kStepBytes];  // one a byte
  alignas(64) std::int16_t scales[16][kPanelRows][2];       // s of a part, twice
  alignas(64) std::int16_t mins[8][kPanelRows][2];          // m of a block's first and second 16 columns
  alignas(64) float unit[kPanelRows];
  alignas(64) float min_unit[kPanelRows];
};

// The nearest integer, ties to even; |x| < 2^22.
inline std::int16_t RoundToInt16(float x) {
  const float shifted = x + 12582912.0f;  // 1.5 * 2^23
  std::int32_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  return static_cast<std::int16_t>(bits);
}

// Sixteen-bit floats per block and row -> integers[block][row] * unit[row].
inline void IntegerScales(const std::byte* halves, int blocks, float (&unit)[kPanelRows],
                          std::int16_t (&integers)[8][kPanelRows]) {
  alignas(64) float values[8][kPanelRows];
  for (int block = 0; block < blocks; ++block) {
    for (int lane = 0; lane < kPanelRows; lane += kLanes)
      StoreF32(values[block] + lane, LoadF16AsF32(halves + (block * kPanelRows + lane) * 2));
  }
  alignas(64) float inverse[kPanelRows];
  for (int row = 0; row < kPanelRows; ++row) {
    float largest = 0;
    for (int block = 0; block < blocks; ++block) {
      const float size = values[block][row] < 0 ? -values[block][row] : values[block][row];
      largest = size > largest ? size : largest;
    }
    unit[row] = largest * (1.0f / kLargestScale);
    inverse[row] = largest > 0 ? kLargestScale / largest : 0.0f;  // halves: at least 2^-24, nothing overflows
  }
  for (int block = 0; block < blocks; ++block) {
    for (int row = 0; row < kPanelRows; ++row) integers[block][row] = RoundToInt16(values[block][row] * inverse[row]);
  }
}

template <Family kFamily>
inline void ScalesToIntegers(const std::byte* super, int blocks, ScaledSuper* out) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  if constexpr (kTraits.scales == Scales::kSuperMin || kTraits.scales == Scales::kSuper16) {
    for (int lane = 0; lane < kPanelRows; lane += kLanes) {
      StoreF32(out->unit + lane, LoadF16AsF32(super + lane * 2));
      const F32 min_unit = kTraits.scales == Scales::kSuperMin ? LoadF16AsF32(super + 32 + lane * 2) : ZeroF32();
      StoreF32(out->min_unit + lane, min_unit);
    }
    const std::uint8_t* scales = AsBytes(super) + 64;
    for (int block = 0; block < blocks; ++block) {
      for (int row = 0; row < kPanelRows; ++row) {
        if constexpr (kTraits.scales == Scales::kSuperMin) {
          const auto scale = static_cast<std::int16_t>(scales[block * kPanelRows + row]);
          const auto min = static_cast<std::int16_t>(-static_cast<int>(scales[128 + block * kPanelRows + row]));
          out->scales[block][row][0] = out->scales[block][row][1] = scale;
          out->mins[block][row][0] = out->mins[block][row][1] = min;
        } else {
          for (int half = 0; half < 2; ++half) {
            const auto scale =
                static_cast<std::int16_t>(static_cast<std::int8_t>(scales[(block * 2 + half) * kPanelRows + row]));
            out->scales[block * 2 + half][row][0] = out->scales[block * 2 + half][row][1] = scale;
            out->mins[block][row][half] = static_cast<std::int16_t>(-kTraits.offset * scale);
          }
        }
      }
    }
    if constexpr (kTraits.scales == Scales::kSuper16) {
      for (int row = 0; row < kPanelRows; ++row) out->min_unit[row] = out->unit[row];
    }
  } else {
    std::int16_t scales[8][kPanelRows];
    std::int16_t mins[8][kPanelRows];
    IntegerScales(super, blocks, out->unit, scales);
    if constexpr (kTraits.scales == Scales::kAffine)
      IntegerScales(super + HeaderBytes(Scales::kFlat, blocks), blocks, out->min_unit, mins);
    for (int row = 0; row < kPanelRows && kTraits.scales == Scales::kFlat; ++row) out->min_unit[row] = out->unit[row];
    for (int block = 0; block < blocks; ++block) {
      for (int row = 0; row < kPanelRows; ++row) {
        const std::int16_t scale = scales[block][row];
        out->scales[block][row][0] = out->scales[block][row][1] = scale;
        out->mins[block][row][0] = out->mins[block][row][1] =
            kTraits.scales == Scales::kAffine ? mins[block][row] : static_cast<std::int16_t>(-kTraits.offset * scale);
      }
    }
  }
}

// Steps [kFirst, kFirst + kRun) of a block: codes of all vectors of the panel times kRows rows, in 16 bits.
template <int kFirst, int kRun, int kRows>
inline void PairRun(const std::uint8_t* codes, const std::int8_t* a, std::int64_t stride, I16 (&pairs)[kVecs][kRows]) {
#pragma GCC unroll 8
  for (int step = kFirst; step < kFirst + kRun; ++step) {
    U8 u[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) u[v] = LoadCodes(codes + step * kStepBytes + v * kVecBytes);
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) {
      const Quad quad = LoadQuad(a + t * stride + step * kDotColumns);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v)
        pairs[v][t] = step == kFirst ? MulPairs(u[v], quad) : AddPairs(pairs[v][t], MulPairs(u[v], quad));
    }
  }
}

// Runs of a block from step kFirst on, each widened and scaled into sums.
template <int kFirst, int kRun, int kPartSteps, int kRows>
inline void ScaledRuns(const std::uint8_t* codes, const std::int16_t (*scales)[kPanelRows][2], const std::int8_t* a,
                       std::int64_t stride, I32 (&sums)[kVecs][kRows]) {
  I16 pairs[kVecs][kRows];
  PairRun<kFirst, kRun, kRows>(codes, a, stride, pairs);
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    const I16 scale = LoadI16(&scales[kFirst / kPartSteps][v * kLanes][0]);
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) sums[v][t] = AddI32(sums[v][t], MulAddPairs(pairs[v][t], scale));
  }
  if constexpr (kFirst + kRun < kSteps)
    ScaledRuns<kFirst + kRun, kRun, kPartSteps, kRows>(codes, scales, a, stride, sums);
}

// A super-block of a panel times kRows rows, added to out (stored, when is_first).
template <Family kFamily, int kRows>
inline void ScaledTile(const ScaledSuper& super, int blocks, const QuantisedRows& x, std::int64_t first_block,
                       std::int64_t group, bool is_first, float* out, std::int64_t out_stride, std::int64_t left) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kParts = PartsPerBlock<kFamily>();
  constexpr int kPartSteps = kSteps / kParts;
  constexpr int kFits = StepsIn16Bits(BitsOf(kTraits.codes));
  constexpr int kRun = kFits < kPartSteps ? kFits : kPartSteps;
  // Minima first: their sums are then out of the way.
  I32 min_sums[kVecs][kRows];
  for (int v = 0; v < kVecs; ++v) {
    for (int t = 0; t < kRows; ++t) min_sums[v][t] = SetI32(0);
  }
  for (int block = 0; block < blocks; ++block) {
    for (int v = 0; v < kVecs; ++v) {
      const I16 min = LoadI16(&super.mins[block][v * kLanes][0]);
      for (int t = 0; t < kRows; ++t) {
        const I16 sum = AsPairs(SetI32(x.sums[t * x.sum_stride + first_block + block]));
        min_sums[v][t] = AddI32(min_sums[v][t], MulAddPairs(min, sum));
      }
    }
  }
  F32 total[kVecs][kRows];
  for (int v = 0; v < kVecs; ++v) {
    const F32 min_unit = LoadF32(super.min_unit + v * kLanes);
    for (int t = 0; t < kRows; ++t) total[v][t] = Mul(ToF32(min_sums[v][t]), min_unit);
  }

  I32 sums[kVecs][kRows];
  for (int v = 0; v < kVecs; ++v) {
    for (int t = 0; t < kRows; ++t) sums[v][t] = SetI32(0);
  }
  const std::int8_t* a = x.codes + first_block * kBlock;
  for (int block = 0; block < blocks; ++block) {
    ScaledRuns<0, kRun, kPartSteps, kRows>(super.codes + block * kSteps * kStepBytes, super.scales + block * kParts,
                                           a + block * kBlock, x.code_stride, sums);
  }
  for (int v = 0; v < kVecs; ++v) {
    const F32 unit = LoadF32(super.unit + v * kLanes);
    for (int t = 0; t < kRows; ++t) {
      const F32 row_scale = SetF32(x.scales[t * x.scale_stride + group]);
      total[v][t] = Mul(Fma(ToF32(sums[v][t]), unit, total[v][t]), row_scale);
    }
  }
  StoreTile<1, kRows>(total, is_first, out, out_stride, left);
}

template <Family kFamily>
void WideScaled(const PackedArgs& args) {
  const std::int64_t num_blocks = (args.cols + kBlock - 1) / kBlock;
  ScaledSuper super;
  for (int panel = 0; panel < args.num_panels; ++panel) {
    const std::int64_t column = static_cast<std::int64_t>(panel) * kPanelRows;
    const std::byte* bytes = args.panels + panel * args.panel_bytes;
    std::int64_t group = 0;
    for (std::int64_t first_block = 0; first_block < num_blocks; first_block += 8, ++group) {
      const int blocks = num_blocks - first_block < 8 ? static_cast<int>(num_blocks - first_block) : 8;
      ScalesToIntegers<kFamily>(bytes, blocks, &super);
      UnpackCodes<kFamily>(bytes, blocks, super.codes);
      ForRowTiles<kScaledTileRows>(args.num_rows, [&]<int kRows>(int row) {
        ScaledTile<kFamily, kRows>(super, blocks, RowsFrom(args.x, row), first_block, group, group == 0,
                                   args.out + row * args.out_stride + column, args.out_stride,
                                   args.num_outputs - column);
      });
      bytes += SuperBytes(TraitsOf(kFamily), blocks);
    }
  }
}
