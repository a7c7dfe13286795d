// SPDX-License-Identifier: Apache-2.0
// Wide products: many rows of activations. A super-block of a panel is unpacked once to bytes and float scales, in a
// scratch that stays in L1, then multiplied with all rows in register tiles. Included after packed_narrow.inl and one
// of packed_steps.inl and packed_pairs.inl, which know the order of codes in the scratch.

// One super-block of kTilePanels panels, unpacked: a code a byte, and w = scale * code - min per part of 16 or 32
// columns (the family's offset is already taken off the dot product, not part of min).
struct WideSuper {
  alignas(64) std::uint8_t codes[kTilePanels][8 * kSteps * kStepBytes];
  alignas(64) float scales[kTilePanels][16][kPanelRows];
  alignas(64) float mins[kTilePanels][8][kPanelRows];
};

template <Family kFamily>
constexpr int PartsPerBlock() {
  return TraitsOf(kFamily).scales == Scales::kSuper16 ? 2 : 1;
}

// Scales, and minima where the family has them, of all parts of a super-block as floats.
template <Family kFamily>
inline void UnpackScales(const std::byte* super, int blocks, float (&scales)[16][kPanelRows],
                         float (&mins)[8][kPanelRows]) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  for (int lane = 0; lane < kPanelRows; lane += kLanes) {
    for (int part = 0; part < blocks * PartsPerBlock<kFamily>(); ++part) {
      F32 scale{};
      if constexpr (kTraits.scales == Scales::kSuperMin) {
        scale = Mul(LoadF16AsF32(super + lane * 2), LoadU8AsF32(super + 64 + part * kPanelRows + lane));
      } else if constexpr (kTraits.scales == Scales::kSuper16) {
        scale = Mul(LoadF16AsF32(super + lane * 2), LoadS8AsF32(super + 64 + part * kPanelRows + lane));
      } else {
        scale = LoadF16AsF32(super + (part * kPanelRows + lane) * 2);
      }
      StoreF32(scales[part] + lane, scale);
    }
    if constexpr (HasMin(kTraits)) {
      for (int block = 0; block < blocks; ++block) {
        F32 min{};
        if constexpr (kTraits.scales == Scales::kSuperMin) {
          min = Mul(LoadF16AsF32(super + 32 + lane * 2), LoadU8AsF32(super + 192 + block * kPanelRows + lane));
        } else {
          const std::byte* m = super + HeaderBytes(Scales::kFlat, blocks) + (block * kPanelRows + lane) * 2;
          min = NegFma(LoadF16AsF32(m), SetF32(1.0f), ZeroF32());
        }
        StoreF32(mins[block] + lane, min);
      }
    }
  }
}

template <Family kFamily>
inline void UnpackCodes(const std::byte* super, int blocks, std::uint8_t* out) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  for (int block = 0; block < blocks; ++block) {
    for (int v = 0; v < kVecs; ++v) {
      U8 u[kSteps];
      UnpackBlock<kTraits.codes>(codes, v, u);
      StoreBlock(out + block * kSteps * kStepBytes, v, u);
    }
    codes += BlockCodeBytes(kTraits.codes);
  }
}

// Adds (or stores, when is_first) a tile's sums to rows of out; `left` columns of out exist from the tile's first on.
template <int kPanels, int kRows>
inline void StoreTile(const F32 (&sums)[kPanels * kVecs][kRows], bool is_first, float* out, std::int64_t out_stride,
                      std::int64_t left) {
  for (int i = 0; i < kPanels * kVecs; ++i) {
    const std::int64_t column = i * kLanes;
    if (left <= column) return;
    const int count = left - column < kLanes ? static_cast<int>(left - column) : kLanes;
    for (int t = 0; t < kRows; ++t) {
      float* p = out + t * out_stride + column;
      if (count == kLanes) {
        StoreF32(p, is_first ? sums[i][t] : Add(LoadF32(p), sums[i][t]));
      } else {
        StorePart(p, is_first ? sums[i][t] : Add(LoadPart(p, count), sums[i][t]), count);
      }
    }
  }
}

// A super-block of kPanels panels times kRows rows: products per block, scaled and summed in float. Activations have
// one scale per block; x begins at the tile's first row, first_block says where the columns begin in it.
template <Family kFamily, int kPanels, int kRows>
inline void BlockTile(const WideSuper& wide, const std::uint8_t* const (&panel_codes)[kPanels], int blocks,
                      const QuantisedRows& x, std::int64_t first_block, bool is_first, float* out,
                      std::int64_t out_stride, std::int64_t left) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kBits = BitsOf(kTraits.codes);
  constexpr int kParts = PartsPerBlock<kFamily>();
  constexpr int kCount = kSteps / kParts;
  constexpr int kVectors = kPanels * kVecs;
  F32 total[kVectors][kRows];
  for (int i = 0; i < kVectors; ++i) {
    for (int t = 0; t < kRows; ++t) total[i][t] = ZeroF32();
  }
  for (int block = 0; block < blocks; ++block) {
    const std::int64_t index = first_block + block;
    for (int part = 0; part < kParts; ++part) {
      PartTile<kBits, kCount, kVectors, kRows> tile;
      for (int t = 0; t < kRows; ++t) {
        const std::int32_t sum = (kParts == 1 || part == 0 ? x.FirstSum(t, index) : 0) +
                                 (kParts == 1 || part == 1 ? x.SecondSum(t, index) : 0);
        tile.Start(t, -DotOffset(kTraits) * sum);
      }
      const std::uint8_t* codes[kVectors];
      for (int i = 0; i < kVectors; ++i) {
        codes[i] = panel_codes[i / kVecs] + (block * kSteps + part * kCount) * kStepBytes + (i % kVecs) * kVecBytes;
      }
      tile.Run(codes, x.codes + index * kBlock + part * kCount * kDotColumns, x.code_stride);
      for (int i = 0; i < kVectors; ++i) {
        const F32 scale = LoadF32(wide.scales[i / kVecs][block * kParts + part] + (i % kVecs) * kLanes);
        for (int t = 0; t < kRows; ++t) {
          const F32 row_scale = SetF32(x.scales[t * x.block_stride + index]);
          total[i][t] = Fma(Mul(ToF32(tile.Sum(i, t)), row_scale), scale, total[i][t]);
        }
      }
    }
    if constexpr (HasMin(kTraits)) {
      for (int t = 0; t < kRows; ++t) {
        const F32 weight = SetF32(x.block_sums[t * x.block_stride + index]);
        for (int i = 0; i < kVectors; ++i) {
          total[i][t] = NegFma(weight, LoadF32(wide.mins[i / kVecs][block] + (i % kVecs) * kLanes), total[i][t]);
        }
      }
    }
  }
  StoreTile<kPanels, kRows>(total, is_first, out, out_stride, left);
}

// Calls tile.template operator()<kRows>(first row) for all rows, in the largest tiles that fit.
template <int kLargest, typename Tile>
inline void ForRowTiles(int num_rows, const Tile& tile) {
  int row = 0;
  for (; row + kLargest <= num_rows; row += kLargest) tile.template operator()<kLargest>(row);
  if constexpr (kLargest > 4) {
    for (; row + 4 <= num_rows; row += 4) tile.template operator()<4>(row);
  }
  for (; row < num_rows; ++row) tile.template operator()<1>(row);
}

// Panels [first, first + kPanels) times all rows.
template <Family kFamily, int kPanels>
inline void BlockPanels(const PackedArgs& args, int first) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  const std::int64_t num_blocks = (args.cols + kBlock - 1) / kBlock;
  const std::int64_t column = static_cast<std::int64_t>(first) * kPanelRows;
  WideSuper wide;
  std::int64_t offset = 0;
  for (std::int64_t first_block = 0; first_block < num_blocks; first_block += 8) {
    const int blocks = num_blocks - first_block < 8 ? static_cast<int>(num_blocks - first_block) : 8;
    const std::uint8_t* codes[kPanels];
    for (int panel = 0; panel < kPanels; ++panel) {
      const std::byte* super = args.panels + (first + panel) * args.panel_bytes + offset;
      UnpackScales<kFamily>(super, blocks, wide.scales[panel], wide.mins[panel]);
      if constexpr (AreBytes(kTraits.codes) && kStoresAsPacked) {
        codes[panel] = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
      } else {
        UnpackCodes<kFamily>(super, blocks, wide.codes[panel]);
        codes[panel] = wide.codes[panel];
      }
    }
    ForRowTiles<kBlockTileRows>(args.num_rows, [&]<int kRows>(int row) {
      BlockTile<kFamily, kPanels, kRows>(wide, codes, blocks, RowsFrom(args.x, row), first_block, first_block == 0,
                                         args.out + row * args.out_stride + column, args.out_stride,
                                         args.num_outputs - column);
    });
    offset += SuperBytes(kTraits, blocks);
  }
}

template <Family kFamily>
void WideByBlock(const PackedArgs& args) {
  int panel = 0;
  for (; panel + kTilePanels <= args.num_panels; panel += kTilePanels) BlockPanels<kFamily, kTilePanels>(args, panel);
  for (; panel < args.num_panels; ++panel) BlockPanels<kFamily, 1>(args, panel);
}
