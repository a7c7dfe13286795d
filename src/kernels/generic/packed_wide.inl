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

// Where the sums of a tile over the super-blocks so far come from and go to. They lie side by side until the last
// super-block, as rows of the output lie far apart.
struct TileSums {
  const float* from;  // rows of partial_stride floats; nullptr for the first super-block
  float* to;          // rows of to_stride floats, of which `count` may be written
  std::int64_t partial_stride;
  std::int64_t to_stride;
  std::int64_t count;

  [[nodiscard]] TileSums From(int row) const {
    TileSums sums = *this;
    if (sums.from != nullptr) sums.from += row * partial_stride;
    sums.to += row * to_stride;
    return sums;
  }
};

// Adds a tile's sums of one super-block.
template <int kPanels, int kRows>
inline void StoreTile(const F32 (&own)[kPanels * kVecs][kRows], const TileSums& sums) {
#pragma GCC unroll 4
  for (int i = 0; i < kPanels * kVecs; ++i) {
    const std::int64_t column = i * kLanes;
    if (sums.count <= column) return;
    const int count = sums.count - column < kLanes ? static_cast<int>(sums.count - column) : kLanes;
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) {
      F32 sum = own[i][t];
      if (sums.from != nullptr) sum = Add(LoadF32(sums.from + t * sums.partial_stride + column), sum);
      float* to = sums.to + t * sums.to_stride + column;
      count == kLanes ? StoreF32(to, sum) : StorePart(to, sum, count);
    }
  }
}

constexpr std::int64_t kRowBytes = sizeof(QuantisedSuper);  // from the codes of a row to those of the next one

// A super-block of kPanels panels times kRows rows, x[0] and those behind it: products per block, scaled and summed in
// float. Activations have one scale per block.
template <Family kFamily, int kPanels, int kRows>
inline void BlockTile(const WideSuper& wide, const std::uint8_t* const (&panel_codes)[kPanels], int blocks,
                      const QuantisedSuper* x, const TileSums& sums) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kBits = BitsOf(kTraits.codes);
  constexpr int kParts = PartsPerBlock<kFamily>();
  constexpr int kCount = kSteps / kParts;
  constexpr int kVectors = kPanels * kVecs;
  F32 total[kVectors][kRows];
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) total[i][t] = ZeroF32();
  }
  for (int block = 0; block < blocks; ++block) {
    [[maybe_unused]] F32 first[kVectors][kRows];  // part, until the second is there
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      PartTile<kBits, kCount, kVectors, kRows> tile;
#pragma GCC unroll 8
      for (int t = 0; t < kRows; ++t) {
        const std::int32_t sum = (kParts == 1 || part == 0 ? x[t].FirstSum(block) : 0) +
                                 (kParts == 1 || part == 1 ? x[t].SecondSum(block) : 0);
        tile.Start(t, -DotOffset(kTraits) * sum);
      }
      const std::uint8_t* codes[kVectors];
      for (int i = 0; i < kVectors; ++i) {
        codes[i] = panel_codes[i / kVecs] + (block * kSteps + part * kCount) * kStepBytes + (i % kVecs) * kVecBytes;
      }
      tile.Run(codes, x->codes + block * kBlock + part * kCount * kDotColumns, kRowBytes);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) {
        const F32 scale = LoadF32(wide.scales[i / kVecs][block * kParts + part] + (i % kVecs) * kLanes);
#pragma GCC unroll 8
        for (int t = 0; t < kRows; ++t) {
          const F32 dot = ToF32(tile.Sum(i, t));
          const F32 row_scale = SetF32(x[t].scales[block]);
          if constexpr (kParts == 2 && kJoinedTileRows > 0) {
            first[i][t] = part == 0 ? Mul(dot, scale) : Fma(dot, scale, first[i][t]);
            if (part == 1) total[i][t] = Fma(first[i][t], row_scale, total[i][t]);
          } else {
            total[i][t] = Fma(Mul(dot, row_scale), scale, total[i][t]);
          }
        }
      }
    }
    if constexpr (HasMin(kTraits)) {
#pragma GCC unroll 8
      for (int t = 0; t < kRows; ++t) {
        const F32 weight = SetF32(x[t].block_sums[block]);
#pragma GCC unroll 4
        for (int i = 0; i < kVectors; ++i) {
          total[i][t] = NegFma(weight, LoadF32(wide.mins[i / kVecs][block] + (i % kVecs) * kLanes), total[i][t]);
        }
      }
    }
  }
  StoreTile<kPanels, kRows>(total, sums);
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

// Rows that pass together: their partial sums stay in the caches.
constexpr int kGroupRows = 264;  // a multiple of the tiles' rows

// Some rows of activations over the columns of one super-block, and their sums with one or more panels.
struct SuperRows {
  const QuantisedSuper* x;
  int count;
  TileSums sums;
};

// Fetches the super-block at `offset` of kPanels panels from memory while another one is multiplied: rows of
// activations give it all the time it needs, and unpacking would otherwise wait for every few lines.
template <int kPanels>
inline void FetchSupers(const PackedArgs& args, FamilyTraits traits, int panel, std::int64_t offset) {
  if (panel + kPanels > args.num_panels) return;
  const std::int64_t bytes =
      SuperBytes(traits, 8) < args.panel_bytes - offset ? SuperBytes(traits, 8) : args.panel_bytes - offset;
  for (int i = 0; i < kPanels; ++i) {
    const std::byte* super = args.panels + (panel + i) * args.panel_bytes + offset;
    for (std::int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(super + at, 0, 2);
  }
}

// Calls super(first panel, offset of the super-block in the panel, its blocks, rows) for all rows of kPanels panels at
// a time (those left over are not done: returns the first of them), super-blocks in order.
template <int kPanels, typename Super>
inline int ForPanelSupers(const PackedArgs& args, FamilyTraits traits, const Super& super, int first_panel = 0) {
  constexpr std::int64_t kStride = kPanels * kPanelRows;
  const std::int64_t num_blocks = (args.cols + kBlock - 1) / kBlock;
  alignas(64) float partial[kGroupRows * kStride];
  const int end = args.num_panels - (args.num_panels - first_panel) % kPanels;
  for (int first_row = 0; first_row < args.num_rows; first_row += kGroupRows) {
    const int count = args.num_rows - first_row < kGroupRows ? args.num_rows - first_row : kGroupRows;
    for (int panel = first_panel; panel < end; panel += kPanels) {
      const std::int64_t column = static_cast<std::int64_t>(panel) * kPanelRows;
      SuperRows rows{args.x.supers + first_row, count, {nullptr, partial, kStride, kStride, kStride}};
      std::int64_t offset = 0;
      for (std::int64_t left = num_blocks; left > 0; left -= 8) {
        const int blocks = left < 8 ? static_cast<int>(left) : 8;
        if (left <= 8) {
          rows.sums.to = args.out + first_row * args.out_stride + column;
          rows.sums.to_stride = args.out_stride;
          rows.sums.count = args.num_outputs - column;
        }
        const bool is_last = left <= 8;
        FetchSupers<kPanels>(args, traits, is_last ? panel + kPanels : panel,
                             is_last ? 0 : offset + SuperBytes(traits, 8));
        super(panel, offset, blocks, rows);
        rows.x += args.x.stride;
        rows.sums.from = partial;
        offset += SuperBytes(traits, blocks);
      }
    }
  }
  return end;
}

// All rows of kPanels panels at a time.
template <Family kFamily, int kPanels>
inline int BlockPanels(const PackedArgs& args, int first_panel) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  WideSuper wide;
  return ForPanelSupers<kPanels>(
      args, kTraits,
      [&](int first, std::int64_t offset, int blocks, const SuperRows& rows) {
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
        constexpr bool kIsJoined = PartsPerBlock<kFamily>() == 2 && kJoinedTileRows > 0;
        ForRowTiles<kIsJoined ? kJoinedTileRows : kBlockTileRows>(rows.count, [&]<int kRows>(int row) {
          BlockTile<kFamily, kPanels, kRows>(wide, codes, blocks, rows.x + row, rows.sums.From(row));
        });
      },
      first_panel);
}

template <Family kFamily>
void WideByBlock(const PackedArgs& args) {
  const int done = BlockPanels<kFamily, kTilePanels>(args, 0);
  if constexpr (kTilePanels > 1) {
    if (done < args.num_panels) BlockPanels<kFamily, 1>(args, done);
  }
}
