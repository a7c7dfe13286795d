// SPDX-License-Identifier: Apache-2.0
// The wide form for instruction sets whose 8-bit products add up in 16 bits (AVX2's vpmaddubsw): codes stay as they
// are, and the scales of a super-block's parts become integers, so that scaling is part of the widening from 16 to 32
// bits (vpmaddwd) that has to be done anyway:
//
//   out += unit * sum over blocks of scale * (sum over parts of s[part] * dot[part])
//        - min_unit * sum over blocks of m * scale * sum
//
// dot = codes times activations of a part, scale and sum of the activations' block. In the families with super-block
// scales s and m are the file's own integers; scales per block become multiples of a 2047th of the largest one in the
// super-block. An offset that all codes have stays in integers: it is s times offset times the sum of the part's
// activations. Included after packed_wide.inl.
//
// No sum leaves 32 bits: a block's dot is at most 32 * 127 * code, s at most 128 beside 6-bit codes and 2047 beside
// 5-bit ones, and 32 * 127 * 31 * 2047 < 2^28.

inline constexpr float kLargestScale = 2047.0f;

// The narrow form of families whose super-block scales are integers already: the same sums in the same order as below,
// so that a row's result is the same to the bit in both forms.
template <int kRun, int kFirst, int kEnd>
inline I32 NarrowRuns(const U8* u, const std::int8_t* a, I16 scale) {
  I16 pairs = MulPairs(u[kFirst], LoadQuad(a + kFirst * kDotColumns));
#pragma GCC unroll 8
  for (int step = kFirst + 1; step < kFirst + kRun; ++step)
    pairs = AddPairs(pairs, MulPairs(u[step], LoadQuad(a + step * kDotColumns)));
  const I32 dot = MulAddPairs(pairs, scale);
  if constexpr (kFirst + kRun < kEnd) return AddI32(dot, NarrowRuns<kRun, kFirst + kRun, kEnd>(u, a, scale));
  return dot;
}

// One super-block of one vector of rows times kT rows of activations, added to acc.
template <Family kFamily, int kT>
inline void NarrowScaledSuper(const std::byte* super, int blocks, int v, const QuantisedSuper* x, F32 (&acc)[kT]) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kFits = StepsIn16Bits(BitsOf(kTraits.codes));
  constexpr int kPartSteps = kSteps / PartsPerBlock<kFamily>();
  constexpr int kRun = kFits < kPartSteps ? kFits : kPartSteps;
  const std::uint8_t* scales = AsBytes(super) + 64;
  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  F32 total[kT];
  F32 min_total[kT];
  for (int t = 0; t < kT; ++t) total[t] = min_total[t] = ZeroF32();
  for (int block = 0; block < blocks; ++block, codes += BlockCodeBytes(kTraits.codes)) {
    U8 u[kSteps];
    UnpackBlock<kTraits.codes>(codes, v, u);
    if constexpr (kTraits.scales == Scales::kSuperMin) {
      const I16 scale = PairsOfU8(scales + block * kPanelRows, v);
      const F32 min = LoadU8AsF32(super + 192 + block * kPanelRows + v * kLanes);
      for (int t = 0; t < kT; ++t) {
        const I32 dot = NarrowRuns<kRun, 0, kSteps>(u, x[t].codes + block * kBlock, scale);
        total[t] = Fma(ToF32(dot), SetF32(x[t].scales[block]), total[t]);
        min_total[t] = Fma(min, SetF32(x[t].block_sums[block]), min_total[t]);
      }
    } else {
      const I16 first = PairsOfS8(scales + block * 2 * kPanelRows, v);
      const I16 second = PairsOfS8(scales + (block * 2 + 1) * kPanelRows, v);
      const I16 offset = TimesOffset<kTraits.offset>(EachOnce(first, second));
      for (int t = 0; t < kT; ++t) {
        const std::int8_t* a = x[t].codes + block * kBlock;
        const I32 dot =
            AddI32(NarrowRuns<kRun, 0, kPartSteps>(u, a, first), NarrowRuns<kRun, kPartSteps, kSteps>(u, a, second));
        const I32 own = SubI32(dot, MulAddPairs(offset, AsPairs(SetI32(x[t].sum_pairs[block]))));
        total[t] = Fma(ToF32(own), SetF32(x[t].scales[block]), total[t]);
      }
    }
  }
  const F32 unit = LoadF16AsF32(super + v * kLanes * 2);
  for (int t = 0; t < kT; ++t) {
    total[t] = Mul(total[t], unit);
    if constexpr (HasMin(kTraits)) total[t] = NegFma(min_total[t], LoadF16AsF32(super + 32 + v * kLanes * 2), total[t]);
    acc[t] = Add(acc[t], total[t]);
  }
}

// Steps [kStep, kEnd) of a block, all vectors of rows, with one row of activations: sums of pairs of products, begun
// by step kFirst.
template <Codes kCodes, int kFirst, int kStep, int kEnd>
[[gnu::always_inline]] inline void RowSteps(const std::uint8_t* codes, const std::int8_t* a, I16 (&pairs)[kVecs]) {
  const Quad quad = LoadQuad(a + kStep * kDotColumns);
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    const I16 products = MulPairs(StepCodes<kCodes, kStep>(codes + v * kVecBytes), quad);
    pairs[v] = kStep == kFirst ? products : AddPairs(pairs[v], products);
  }
  if constexpr (kStep + 1 < kEnd) RowSteps<kCodes, kFirst, kStep + 1, kEnd>(codes, a, pairs);
}
// The runs of steps from kFirst to kEnd, each widened and scaled, added to dots (stored, when kIsFirst).
template <Codes kCodes, int kRun, int kFirst, int kEnd, bool kIsFirst>
[[gnu::always_inline]] inline void RowRuns(const std::uint8_t* codes, const std::int8_t* a, const I16 (&scales)[kVecs],
                                           I32 (&dots)[kVecs]) {
  I16 pairs[kVecs];
  RowSteps<kCodes, kFirst, kFirst, kFirst + kRun>(codes, a, pairs);
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    const I32 dot = MulAddPairs(pairs[v], scales[v]);
    dots[v] = kIsFirst ? dot : AddI32(dots[v], dot);
  }
  if constexpr (kFirst + kRun < kEnd) RowRuns<kCodes, kRun, kFirst + kRun, kEnd, false>(codes, a, scales, dots);
}

// One super-block, all vectors of rows, times one row of activations: the form that decoding takes. What it adds up is
// what NarrowScaledSuper does; here each load of activations serves all rows, and memory is read in its order.
template <Family kFamily>
inline void NarrowScaledRow(const std::byte* super, int blocks, const QuantisedSuper& x, F32 (&acc)[kVecs][1]) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kFits = StepsIn16Bits(BitsOf(kTraits.codes));
  constexpr int kPartSteps = kSteps / PartsPerBlock<kFamily>();
  constexpr int kRun = kFits < kPartSteps ? kFits : kPartSteps;
  const std::uint8_t* scales = AsBytes(super) + 64;
  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  F32 total[kVecs];
  F32 min_total[kVecs];
  for (int v = 0; v < kVecs; ++v) total[v] = min_total[v] = ZeroF32();
  for (int block = 0; block < blocks; ++block, codes += BlockCodeBytes(kTraits.codes)) {
    const std::int8_t* a = x.codes + block * kBlock;
    I32 dots[kVecs];
    I16 scale[kVecs];
    if constexpr (kTraits.scales == Scales::kSuperMin) {
      for (int v = 0; v < kVecs; ++v) scale[v] = PairsOfU8(scales + block * kPanelRows, v);
      RowRuns<kTraits.codes, kRun, 0, kSteps, true>(codes, a, scale, dots);
      const F32 sum = SetF32(x.block_sums[block]);
      for (int v = 0; v < kVecs; ++v)
        min_total[v] = Fma(LoadU8AsF32(super + 192 + block * kPanelRows + v * kLanes), sum, min_total[v]);
    } else {
      I16 offset[kVecs];
      for (int v = 0; v < kVecs; ++v) scale[v] = PairsOfS8(scales + block * 2 * kPanelRows, v);
      RowRuns<kTraits.codes, kRun, 0, kPartSteps, true>(codes, a, scale, dots);
      for (int v = 0; v < kVecs; ++v) {
        const I16 second = PairsOfS8(scales + (block * 2 + 1) * kPanelRows, v);
        offset[v] = TimesOffset<kTraits.offset>(EachOnce(scale[v], second));
        scale[v] = second;
      }
      RowRuns<kTraits.codes, kRun, kPartSteps, kSteps, false>(codes, a, scale, dots);
      const I16 sums = AsPairs(SetI32(x.sum_pairs[block]));
      for (int v = 0; v < kVecs; ++v) dots[v] = SubI32(dots[v], MulAddPairs(offset[v], sums));
    }
    const F32 row_scale = SetF32(x.scales[block]);
    for (int v = 0; v < kVecs; ++v) total[v] = Fma(ToF32(dots[v]), row_scale, total[v]);
  }
  for (int v = 0; v < kVecs; ++v) {
    total[v] = Mul(total[v], LoadF16AsF32(super + v * kLanes * 2));
    if constexpr (HasMin(kTraits)) total[v] = NegFma(min_total[v], LoadF16AsF32(super + 32 + v * kLanes * 2), total[v]);
    acc[v][0] = Add(acc[v][0], total[v]);
  }
}

template <Family kFamily>
void NarrowScaled(const PackedArgs& args) {
  NarrowPanels<kFamily>(args,
                        []<int kT>(const std::byte* super, int blocks, const QuantisedSuper* x, F32(&acc)[kVecs][kT]) {
                          if constexpr (kT == 1) {
                            NarrowScaledRow<kFamily>(super, blocks, *x, acc);
                          } else {
                            for (int v = 0; v < kVecs; ++v) NarrowScaledSuper<kFamily, kT>(super, blocks, v, x, acc[v]);
                          }
                        });
}

// A super-block of one panel.
struct ScaledSuper {
  alignas(64) std::uint8_t codes[8 * kSteps * kStepBytes];  // one a byte
  alignas(64) std::int16_t scales[16][kPanelRows][2];       // s of a part, twice
  alignas(64) std::int16_t offsets[8][kPanelRows][2];       // s * offset of a block's first and second 16 columns
  alignas(64) float mins[8][kPanelRows];                    // m of a block
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
                          std::int16_t (&integers)[16][kPanelRows]) {
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
  constexpr int kParts = PartsPerBlock<kFamily>();
  std::int16_t scales[16][kPanelRows];
  if constexpr (kTraits.scales == Scales::kSuperMin || kTraits.scales == Scales::kSuper16) {
    for (int lane = 0; lane < kPanelRows; lane += kLanes) {
      StoreF32(out->unit + lane, LoadF16AsF32(super + lane * 2));
      if constexpr (HasMin(kTraits)) StoreF32(out->min_unit + lane, LoadF16AsF32(super + 32 + lane * 2));
    }
    const std::uint8_t* bytes = AsBytes(super) + 64;
    for (int part = 0; part < blocks * kParts; ++part) {
      for (int row = 0; row < kPanelRows; ++row) {
        const std::uint8_t byte = bytes[part * kPanelRows + row];
        scales[part][row] = HasMin(kTraits) ? std::int16_t{byte} : std::int16_t{static_cast<std::int8_t>(byte)};
        if constexpr (HasMin(kTraits)) out->mins[part][row] = static_cast<float>(bytes[128 + part * kPanelRows + row]);
      }
    }
  } else {
    IntegerScales(super, blocks, out->unit, scales);
    if constexpr (HasMin(kTraits)) {
      for (int row = 0; row < kPanelRows; ++row) out->min_unit[row] = -1.0f;  // w = d u + m
      for (int block = 0; block < blocks; ++block) {
        const std::byte* m = super + HeaderBytes(Scales::kFlat, blocks) + block * kPanelRows * 2;
        for (int lane = 0; lane < kPanelRows; lane += kLanes)
          StoreF32(out->mins[block] + lane, LoadF16AsF32(m + lane * 2));
      }
    }
  }
  for (int part = 0; part < blocks * kParts; ++part) {
    for (int row = 0; row < kPanelRows; ++row)
      out->scales[part][row][0] = out->scales[part][row][1] = scales[part][row];
  }
  for (int block = 0; kTraits.offset != 0 && block < blocks; ++block) {
    for (int row = 0; row < kPanelRows; ++row) {
      for (int half = 0; half < 2; ++half) {
        const std::int16_t scale = scales[kParts == 2 ? block * 2 + half : block][row];
        out->offsets[block][row][half] = static_cast<std::int16_t>(kTraits.offset * scale);
      }
    }
  }
}

// Steps [kFirst, kFirst + kRun) of a block: codes of all vectors of the panel times kRows rows, in 16 bits.
template <int kFirst, int kRun, int kRows>
inline void PairRun(const std::uint8_t* codes, const std::int8_t* a, I16 (&pairs)[kVecs][kRows]) {
#pragma GCC unroll 8
  for (int step = kFirst; step < kFirst + kRun; ++step) {
    U8 u[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) u[v] = LoadCodes(codes + step * kStepBytes + v * kVecBytes);
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) {
      const Quad quad = LoadQuad(a + t * kRowBytes + step * kDotColumns);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v)
        pairs[v][t] = step == kFirst ? MulPairs(u[v], quad) : AddPairs(pairs[v][t], MulPairs(u[v], quad));
    }
  }
}

// Runs of a block from step kFirst on, each widened and scaled; dots is written by the first one.
template <int kFirst, int kRun, int kPartSteps, int kRows>
inline void ScaledRuns(const std::uint8_t* codes, const std::int16_t (*scales)[kPanelRows][2], const std::int8_t* a,
                       I32 (&dots)[kVecs][kRows]) {
  I16 pairs[kVecs][kRows];
  PairRun<kFirst, kRun, kRows>(codes, a, pairs);
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    const I16 scale = LoadI16(&scales[kFirst / kPartSteps][v * kLanes][0]);
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) {
      const I32 dot = MulAddPairs(pairs[v][t], scale);
      dots[v][t] = kFirst == 0 ? dot : AddI32(dots[v][t], dot);
    }
  }
  if constexpr (kFirst + kRun < kSteps) ScaledRuns<kFirst + kRun, kRun, kPartSteps, kRows>(codes, scales, a, dots);
}

// A super-block of a panel times kRows rows, added to out (stored, when is_first).
template <Family kFamily, int kRows>
inline void ScaledTile(const ScaledSuper& super, int blocks, const QuantisedSuper* x, const TileSums& sums) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kParts = PartsPerBlock<kFamily>();
  constexpr int kPartSteps = kSteps / kParts;
  constexpr int kFits = StepsIn16Bits(BitsOf(kTraits.codes));
  constexpr int kRun = kFits < kPartSteps ? kFits : kPartSteps;
  // Minima first: their sums are then out of the way.
  F32 min_total[kVecs][kRows];
  for (int v = 0; v < kVecs; ++v) {
    for (int t = 0; t < kRows; ++t) min_total[v][t] = ZeroF32();
  }
  for (int block = 0; HasMin(kTraits) && block < blocks; ++block) {
    for (int t = 0; t < kRows; ++t) {
      const F32 sum = SetF32(x[t].block_sums[block]);
      for (int v = 0; v < kVecs; ++v)
        min_total[v][t] = Fma(LoadF32(super.mins[block] + v * kLanes), sum, min_total[v][t]);
    }
  }
  alignas(64) float minima[kVecs][kRows][kLanes];
  for (int v = 0; v < kVecs; ++v) {
    for (int t = 0; t < kRows; ++t) StoreF32(minima[v][t], min_total[v][t]);
  }

  F32 total[kVecs][kRows];
  for (int v = 0; v < kVecs; ++v) {
    for (int t = 0; t < kRows; ++t) total[v][t] = ZeroF32();
  }
  for (int block = 0; block < blocks; ++block) {
    I32 dots[kVecs][kRows];
    ScaledRuns<0, kRun, kPartSteps, kRows>(super.codes + block * kSteps * kStepBytes, super.scales + block * kParts,
                                           x->codes + block * kBlock, dots);
    for (int t = 0; t < kRows; ++t) {
      const F32 row_scale = SetF32(x[t].scales[block]);
      for (int v = 0; v < kVecs; ++v) {
        I32 dot = dots[v][t];
        if constexpr (kTraits.offset != 0) {
          const I16 pair = AsPairs(SetI32(x[t].sum_pairs[block]));
          dot = SubI32(dot, MulAddPairs(LoadI16(&super.offsets[block][v * kLanes][0]), pair));
        }
        total[v][t] = Fma(ToF32(dot), row_scale, total[v][t]);
      }
    }
  }
  for (int v = 0; v < kVecs; ++v) {
    const F32 unit = LoadF32(super.unit + v * kLanes);
    for (int t = 0; t < kRows; ++t) {
      total[v][t] = Mul(total[v][t], unit);
      if constexpr (HasMin(kTraits))
        total[v][t] = NegFma(LoadF32(minima[v][t]), LoadF32(super.min_unit + v * kLanes), total[v][t]);
    }
  }
  StoreTile<1, kRows>(total, sums);
}

template <Family kFamily>
void WideScaled(const PackedArgs& args) {
  ScaledSuper super;
  ForPanelSupers<1>(args, TraitsOf(kFamily), [&](int panel, std::int64_t offset, int blocks, const SuperRows& rows) {
    const std::byte* bytes = args.panels + panel * args.panel_bytes + offset;
    ScalesToIntegers<kFamily>(bytes, blocks, &super);
    UnpackCodes<kFamily>(bytes, blocks, super.codes);
    ForRowTiles<kScaledTileRows>(rows.count, [&]<int kRows>(int row) {
      ScaledTile<kFamily, kRows>(super, blocks, rows.x + row, rows.sums.From(row));
    });
  });
}
