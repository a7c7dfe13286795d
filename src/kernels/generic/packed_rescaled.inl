// SPDX-License-Identifier: Apache-2.0
// The wide form for instruction sets with an exact 8-bit dot (VNNI): a super-block is rescaled to 8-bit codes with one
// scale per row, which costs a few instructions per 64 codes, so that the inner loop is nothing but dot steps: 64 of
// them per scaling instead of 8. Included after packed_wide.inl, where the vocabulary has Rescale, kWideOffset (what
// rescaled codes are off by) and kWideBits (how DotSum is to take them).

constexpr int kWideMax = 127;
constexpr int kRunSteps = 4;  // divides the steps of a block

inline float AbsOf(float x) { return x < 0 ? -x : x; }

// Rounds to the nearest integer (ties to even) and keeps its low 16 bits, twice: adding 1.5 * 2^23 leaves the integer
// in the low bits of the float on every instruction set.
inline std::int32_t TwoHalves(float x) {
  const float shifted = x + 12582912.0f;
  std::uint32_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits &= 0xFFFFu;
  return static_cast<std::int32_t>(bits | (bits << 16));
}

// w = scale * (u - offset) - min  ->  row_scales * (code - kWideOffset), |code - kWideOffset| <= kWideMax, with the
// row's scale from the largest value its codes could stand for. Rounding adds at most half a wide step.
template <Family kFamily>
inline void RescaleSuper(const std::byte* super, int blocks, int panel, WideSuper* wide, float* row_scales) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kParts = PartsPerBlock<kFamily>();
  constexpr float kMaxCode = static_cast<float>((1 << BitsOf(kTraits.codes)) - 1);
  constexpr float kOffset = static_cast<float>(kTraits.offset);
  auto& scales = wide->scales[panel];
  auto& mins = wide->mins[panel];
  UnpackScales<kFamily>(super, blocks, scales, mins);
  alignas(64) float largest[kPanelRows] = {};
  for (int part = 0; part < blocks * kParts; ++part) {
    for (int row = 0; row < kPanelRows; ++row) {
      const float min = HasMin(kTraits) ? mins[part / kParts][row] : scales[part][row] * kOffset;
      const float low = AbsOf(min);
      const float high = AbsOf(scales[part][row] * kMaxCode - min);
      const float larger = low > high ? low : high;
      largest[row] = larger > largest[row] ? larger : largest[row];
    }
  }
  alignas(64) float inverse[kPanelRows];
  for (int row = 0; row < kPanelRows; ++row) {
    row_scales[row] = largest[row] * (1.0f / kWideMax);
    inverse[row] = largest[row] > 1e-30f ? kWideMax * 256.0f / largest[row] : 0.0f;
  }

  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  for (int block = 0; block < blocks; ++block) {
    // 8.8 fixed point: code = (u * alpha + beta) >> 8 with the half for rounding inside beta. Products wrap around 16
    // bits harmlessly, since the sum always fits.
    alignas(64) std::int32_t alpha[kParts][kPanelRows];
    alignas(64) std::int32_t beta[kParts][kPanelRows];
    for (int half = 0; half < kParts; ++half) {
      const int part = block * kParts + half;
      for (int row = 0; row < kPanelRows; ++row) {
        const float min = HasMin(kTraits) ? mins[block][row] : scales[part][row] * kOffset;
        alpha[half][row] = TwoHalves(scales[part][row] * inverse[row]);
        beta[half][row] = TwoHalves((static_cast<float>(kWideOffset) + 0.5f) * 256.0f - min * inverse[row]);
      }
    }
    for (int v = 0; v < kVecs; ++v) {
      U8 u[kSteps];
      UnpackBlock<kTraits.codes>(codes, v, u);
      for (int step = 0; step < kSteps; ++step) {
        const int half = kParts == 2 && step >= 4 ? 1 : 0;
        u[step] = Rescale(u[step], alpha[half] + v * kLanes, beta[half] + v * kLanes);
      }
      StoreBlock(wide->codes[panel] + block * kSteps * kStepBytes, v, u);
    }
    codes += BlockCodeBytes(kTraits.codes);
  }
}

// A rescaled super-block of kPanels panels times kRows rows; activations have one scale per super-block.
template <int kPanels, int kRows>
inline void RescaledTile(const WideSuper& wide, const float (&row_scales)[kTilePanels][kPanelRows], int steps,
                         const QuantisedRows& x, std::int64_t x_column, std::int64_t x_group, bool is_first, float* out,
                         std::int64_t out_stride, std::int64_t left) {
  constexpr int kVectors = kPanels * kVecs;
  PartTile<kWideBits, kRunSteps, kVectors, kRows> tile;
  for (int t = 0; t < kRows; ++t) tile.Start(t, -kWideOffset * x.sums[t * x.sum_stride + x_group]);
  const std::int8_t* a = x.codes + x_column;
  for (int step = 0; step < steps; step += kRunSteps) {
    const std::uint8_t* codes[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      codes[i] = wide.codes[i / kVecs] + step * kStepBytes + (i % kVecs) * kVecBytes;
    }
    tile.Run(codes, a + step * kDotColumns, x.code_stride);
  }
  F32 sums[kVectors][kRows];
  for (int i = 0; i < kVectors; ++i) {
    const F32 scale = LoadF32(row_scales[i / kVecs] + (i % kVecs) * kLanes);
    for (int t = 0; t < kRows; ++t) {
      sums[i][t] = Mul(ToF32(tile.Sum(i, t)), Mul(scale, SetF32(x.scales[t * x.scale_stride + x_group])));
    }
  }
  StoreTile<kPanels, kRows>(sums, is_first, out, out_stride, left);
}

template <Family kFamily, int kPanels>
inline void RescaledPanels(const PackedArgs& args, int first) {
  const std::int64_t num_blocks = (args.cols + kBlock - 1) / kBlock;
  const std::int64_t column = static_cast<std::int64_t>(first) * kPanelRows;
  WideSuper wide;
  alignas(64) float row_scales[kTilePanels][kPanelRows];
  std::int64_t offset = 0;
  std::int64_t group = 0;
  for (std::int64_t first_block = 0; first_block < num_blocks; first_block += 8, ++group) {
    const int blocks = num_blocks - first_block < 8 ? static_cast<int>(num_blocks - first_block) : 8;
    for (int panel = 0; panel < kPanels; ++panel) {
      RescaleSuper<kFamily>(args.panels + (first + panel) * args.panel_bytes + offset, blocks, panel, &wide,
                            row_scales[panel]);
    }
    ForRowTiles<kTileRows>(args.num_rows, [&]<int kRows>(int row) {
      RescaledTile<kPanels, kRows>(wide, row_scales, blocks * kSteps, RowsFrom(args.x, row), first_block * kBlock,
                                   group, group == 0, args.out + row * args.out_stride + column, args.out_stride,
                                   args.num_outputs - column);
    });
    offset += SuperBytes(TraitsOf(kFamily), blocks);
  }
}

template <Family kFamily>
void WideRescaled(const PackedArgs& args) {
  int panel = 0;
  for (; panel + kTilePanels <= args.num_panels; panel += kTilePanels)
    RescaledPanels<kFamily, kTilePanels>(args, panel);
  for (; panel < args.num_panels; ++panel) RescaledPanels<kFamily, 1>(args, panel);
}
