// SPDX-License-Identifier: Apache-2.0
// Narrow products: few rows of activations, weights unpacked in registers and used at once. Included inside an
// instruction set's namespace after its packed vocabulary (isa/packed_*.inl).

constexpr int kVecs = kPanelRows / kLanes;  // vectors of rows in a panel
constexpr int kVecBytes = 4 * kLanes;       // bytes of one dot step in one vector

inline const std::uint8_t* AsBytes(const std::byte* p) { return reinterpret_cast<const std::uint8_t*>(p); }

constexpr int BitsOf(Codes codes) {
  switch (codes) {
    case Codes::kU4:
      return 4;
    case Codes::kU5:
      return 5;
    case Codes::kU6:
      return 6;
    case Codes::kU7:
      return 7;
    case Codes::kL4:
    case Codes::kU8:
      break;
  }
  return 8;
}
// Whether codes lie in panels as bytes.
constexpr bool AreBytes(Codes codes) { return codes == Codes::kU7 || codes == Codes::kU8; }
// What is to be subtracted from a family's codes as DotSum sees them.
constexpr int DotOffset(FamilyTraits traits) { return BitsOf(traits.codes) == 8 ? kFullOffset : traits.offset; }
constexpr bool HasMin(FamilyTraits traits) {
  return traits.scales == Scales::kSuperMin || traits.scales == Scales::kAffine;
}

// The table of kL4 codes, made unsigned.
struct L4Table {
  alignas(16) std::uint8_t values[16];
};
constexpr L4Table MakeL4Table() {
  L4Table table{};
  for (int i = 0; i < 16; ++i) table.values[i] = static_cast<std::uint8_t>(kL4Values[i] + 128);
  return table;
}
inline constexpr L4Table kL4Table = MakeL4Table();

// Codes of a block's step kStep (formats.h says how they lie) of the rows of the vector that begins at `p`.
template <Codes kCodes, int kStep>
[[gnu::always_inline]] inline U8 StepCodes(const std::uint8_t* p) {
  const auto whole = [p](int vector) __attribute__((always_inline)) { return LoadCodes(p + vector * kStepBytes); };
  if constexpr (AreBytes(kCodes)) {
    return whole(kStep);
  } else if constexpr (kCodes == Codes::kU5) {
    if constexpr (kStep < 5) return LowBits<5>(whole(kStep));
    if constexpr (kStep == 5) return WithPart<5, 0x07>(Part<2, 0x18>(whole(1)), whole(0));
    if constexpr (kStep == 6) return WithPart<5, 0x07>(Part<2, 0x18>(whole(3)), whole(2));
    if constexpr (kStep == 7) return WithPart<5, 0x07>(WithPart<4, 0x08>(Part<3, 0x10>(whole(3)), whole(1)), whole(4));
  } else if constexpr (kCodes == Codes::kU6) {
    constexpr int kFirst = kStep / 4 * 3;
    if constexpr (kStep % 4 < 3) return LowBits<6>(whole(kFirst + kStep % 4));
    if constexpr (kStep % 4 == 3)
      return WithPart<6, 0x03>(WithPart<4, 0x0C>(Part<2, 0x30>(whole(kFirst + 2)), whole(kFirst + 1)), whole(kFirst));
  } else {
    U8 nibbles;
    if constexpr (kStep < 4) nibbles = LowNibbles(whole(kStep));
    if constexpr (kStep >= 4) nibbles = HighNibbles(whole(kStep - 4));
    if constexpr (kCodes == Codes::kL4) return LookUp16(nibbles, kL4Table.values);
    return nibbles;
  }
}

// Codes of all steps of a block of the rows of vector `v`. Never a call: the codes are to stay in registers.
template <Codes kCodes>
[[gnu::always_inline]] inline void UnpackBlock(const std::uint8_t* block, int v, U8 (&u)[kSteps]) {
  const std::uint8_t* p = block + v * kVecBytes;
  u[0] = StepCodes<kCodes, 0>(p);
  u[1] = StepCodes<kCodes, 1>(p);
  u[2] = StepCodes<kCodes, 2>(p);
  u[3] = StepCodes<kCodes, 3>(p);
  u[4] = StepCodes<kCodes, 4>(p);
  u[5] = StepCodes<kCodes, 5>(p);
  u[6] = StepCodes<kCodes, 6>(p);
  u[7] = StepCodes<kCodes, 7>(p);
}

// start + steps of codes u[0], u[1] ... (kCount of them) times activations.
template <int kBits, int kCount>
inline I32 DotRun(std::int32_t start, const U8* u, const std::int8_t* a) {
  DotSum<kBits, kCount> sum;
  sum.Start(start);
  sum.template Step<0>(u[0], LoadQuad(a));
  sum.template Step<1>(u[1], LoadQuad(a + 4));
  sum.template Step<2>(u[2], LoadQuad(a + 8));
  sum.template Step<3>(u[3], LoadQuad(a + 12));
  if constexpr (kCount == 8) {
    sum.template Step<4>(u[4], LoadQuad(a + 16));
    sum.template Step<5>(u[5], LoadQuad(a + 20));
    sum.template Step<6>(u[6], LoadQuad(a + 24));
    sum.template Step<7>(u[7], LoadQuad(a + 28));
  }
  return sum.End();
}

// acc + what the blocks of a super-block gave to the rows from `lane` on, times the scales of the whole super-block.
template <Scales kScales>
inline F32 EndSuper(const std::byte* super, int lane, F32 scaled, F32 mins, F32 acc) {
  if constexpr (kScales == Scales::kSuperMin) {
    return NegFma(mins, LoadF16AsF32(super + 32 + lane * 2), Fma(scaled, LoadF16AsF32(super + lane * 2), acc));
  } else if constexpr (kScales == Scales::kSuper16) {
    return Fma(scaled, LoadF16AsF32(super + lane * 2), acc);
  } else {
    return Add(acc, Add(scaled, mins));
  }
}

// One super-block of one vector of rows times kT rows of activations, added to acc.
template <Family kFamily, int kT>
inline void NarrowSuper(const std::byte* super, int blocks, int v, const QuantisedSuper* x, F32 (&acc)[kT]) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kBits = BitsOf(kTraits.codes);
  constexpr int kOffset = DotOffset(kTraits);
  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  const int lane = v * kLanes;
  F32 scaled[kT];
  F32 mins[kT];
  for (int t = 0; t < kT; ++t) scaled[t] = mins[t] = ZeroF32();

  for (int block = 0; block < blocks; ++block, codes += BlockCodeBytes(kTraits.codes)) {
    U8 u[kSteps];
    UnpackBlock<kTraits.codes>(codes, v, u);
    if constexpr (kTraits.scales == Scales::kSuper16) {
      const F32 first_scale = LoadS8AsF32(super + 64 + (2 * block) * kPanelRows + lane);
      const F32 second_scale = LoadS8AsF32(super + 64 + (2 * block + 1) * kPanelRows + lane);
      for (int t = 0; t < kT; ++t) {
        const std::int8_t* a = x[t].codes + block * kBlock;
        const I32 first = DotRun<kBits, 4>(-kOffset * x[t].FirstSum(block), u, a);
        const I32 second = DotRun<kBits, 4>(-kOffset * x[t].SecondSum(block), u + 4, a + 16);
        const F32 row_scale = SetF32(x[t].scales[block]);
        scaled[t] = Fma(Fma(ToF32(second), second_scale, Mul(ToF32(first), first_scale)), row_scale, scaled[t]);
      }
    } else {
      F32 scale{};
      F32 min{};
      if constexpr (kTraits.scales == Scales::kSuperMin) {
        scale = LoadU8AsF32(super + 64 + block * kPanelRows + lane);
        min = LoadU8AsF32(super + 192 + block * kPanelRows + lane);
      } else {
        scale = LoadF16AsF32(super + (block * kPanelRows + lane) * 2);
        if constexpr (kTraits.scales == Scales::kAffine) {
          min = LoadF16AsF32(super + HeaderBytes(Scales::kFlat, blocks) + (block * kPanelRows + lane) * 2);
        }
      }
      for (int t = 0; t < kT; ++t) {
        const std::int32_t sum = x[t].FirstSum(block) + x[t].SecondSum(block);
        const I32 dot = DotRun<kBits, 8>(-kOffset * sum, u, x[t].codes + block * kBlock);
        scaled[t] = Fma(Mul(ToF32(dot), SetF32(x[t].scales[block])), scale, scaled[t]);
        if constexpr (HasMin(kTraits)) mins[t] = Fma(SetF32(x[t].block_sums[block]), min, mins[t]);
      }
    }
  }

  for (int t = 0; t < kT; ++t) acc[t] = EndSuper<kTraits.scales>(super, lane, scaled[t], mins[t], acc[t]);
}

// Steps [kStep, kEnd) of a block, all vectors of rows, with one row of activations, added to sums.
template <Codes kCodes, int kStep, int kEnd, typename Sum>
[[gnu::always_inline]] inline void AddSteps(const std::uint8_t* codes, const std::int8_t* a, Sum (&sums)[kVecs]) {
  const Quad quad = LoadQuad(a + kStep * kDotColumns);
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    constexpr int kTurn = kStep % (kCodes == Codes::kU6 ? 4 : kSteps);  // sums of 6-bit codes have a part each
    sums[v].template Step<kTurn>(StepCodes<kCodes, kStep>(codes + v * kVecBytes), quad);
  }
  if constexpr (kStep + 1 < kEnd) AddSteps<kCodes, kStep + 1, kEnd>(codes, a, sums);
}

// The same for all vectors of rows at once and one row of activations, the form that decoding takes: each load of
// activations serves all rows, and memory is read in its order. What is added up is the same.
template <Family kFamily>
inline void NarrowSuperRow(const std::byte* super, int blocks, const QuantisedSuper& x, F32 (&acc)[kVecs][1]) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  constexpr int kBits = BitsOf(kTraits.codes);
  constexpr int kOffset = DotOffset(kTraits);
  const std::uint8_t* codes = AsBytes(super) + HeaderBytes(kTraits.scales, blocks);
  F32 scaled[kVecs];
  F32 mins[kVecs];
  for (int v = 0; v < kVecs; ++v) scaled[v] = mins[v] = ZeroF32();
  for (int block = 0; block < blocks; ++block, codes += BlockCodeBytes(kTraits.codes)) {
    const std::int8_t* a = x.codes + block * kBlock;
    const F32 row_scale = SetF32(x.scales[block]);
    if constexpr (kTraits.scales == Scales::kSuper16) {
      DotSum<kBits, 4> first[kVecs];
      DotSum<kBits, 4> second[kVecs];
      for (int v = 0; v < kVecs; ++v) first[v].Start(-kOffset * x.FirstSum(block));
      AddSteps<kTraits.codes, 0, 4>(codes, a, first);
      for (int v = 0; v < kVecs; ++v) second[v].Start(-kOffset * x.SecondSum(block));
      AddSteps<kTraits.codes, 4, 8>(codes, a, second);
      for (int v = 0; v < kVecs; ++v) {
        const std::byte* scales = super + 64 + 2 * block * kPanelRows + v * kLanes;
        const F32 dot = Fma(ToF32(second[v].End()), LoadS8AsF32(scales + kPanelRows),
                            Mul(ToF32(first[v].End()), LoadS8AsF32(scales)));
        scaled[v] = Fma(dot, row_scale, scaled[v]);
      }
    } else {
      DotSum<kBits, 8> sums[kVecs];
      for (int v = 0; v < kVecs; ++v) sums[v].Start(-kOffset * (x.FirstSum(block) + x.SecondSum(block)));
      AddSteps<kTraits.codes, 0, 8>(codes, a, sums);
      for (int v = 0; v < kVecs; ++v) {
        const int lane = v * kLanes;
        F32 scale{};
        F32 min{};
        if constexpr (kTraits.scales == Scales::kSuperMin) {
          scale = LoadU8AsF32(super + 64 + block * kPanelRows + lane);
          min = LoadU8AsF32(super + 192 + block * kPanelRows + lane);
        } else {
          scale = LoadF16AsF32(super + (block * kPanelRows + lane) * 2);
          if constexpr (kTraits.scales == Scales::kAffine)
            min = LoadF16AsF32(super + HeaderBytes(Scales::kFlat, blocks) + (block * kPanelRows + lane) * 2);
        }
        scaled[v] = Fma(Mul(ToF32(sums[v].End()), row_scale), scale, scaled[v]);
        if constexpr (HasMin(kTraits)) mins[v] = Fma(SetF32(x.block_sums[block]), min, mins[v]);
      }
    }
  }
  for (int v = 0; v < kVecs; ++v)
    acc[v][0] = EndSuper<kTraits.scales>(super, v * kLanes, scaled[v], mins[v], acc[v][0]);
}

template <Family kFamily, int kT, typename Super>
inline void NarrowRows(const PackedArgs& args, const std::byte* panel, int panel_index, int first_row,
                       const Super& super_block) {
  constexpr FamilyTraits kTraits = TraitsOf(kFamily);
  const std::int64_t num_blocks = (args.cols + kBlock - 1) / kBlock;
  const QuantisedSuper* x = args.x.supers + first_row;
  F32 acc[kVecs][kT];
  for (int v = 0; v < kVecs; ++v) {
    for (int t = 0; t < kT; ++t) acc[v][t] = ZeroF32();
  }
  // All of a super-block before the next one, so that memory is read once, evenly, while there is work to do.
  const std::byte* super = panel;
  for (std::int64_t first_block = 0; first_block < num_blocks; first_block += 8) {
    const int blocks = num_blocks - first_block < 8 ? static_cast<int>(num_blocks - first_block) : 8;
    const std::int64_t bytes = SuperBytes(kTraits, blocks);
    // Scales are read here and there between the codes; asked for first, memory is still read in its order, which is
    // what processors fetch ahead for.
    for (std::int64_t at = 0; at < HeaderBytes(kTraits.scales, blocks); at += 64) __builtin_prefetch(super + at);
    super_block(super, blocks, x, acc);
    super += bytes;
    x += args.x.stride;
  }
  for (int v = 0; v < kVecs; ++v) {
    const std::int64_t column = static_cast<std::int64_t>(panel_index) * kPanelRows + v * kLanes;
    const std::int64_t left = args.num_outputs - column;
    for (int t = 0; t < kT; ++t) {
      float* out = args.out + (first_row + t) * args.out_stride + column;
      if (left >= kLanes) {
        StoreF32(out, acc[v][t]);
      } else if (left > 0) {
        StorePart(out, acc[v][t], static_cast<int>(left));
      }
    }
  }
}

// `super_block` is a generic callable: (super, blocks, x, F32 (&acc)[kVecs][kT]).
template <Family kFamily, typename Super>
inline void NarrowPanels(const PackedArgs& args, const Super& super_block) {
  for (int panel = 0; panel < args.num_panels; ++panel) {
    const std::byte* bytes = args.panels + panel * args.panel_bytes;
    int row = 0;
    for (; row + 4 <= args.num_rows; row += 4) NarrowRows<kFamily, 4>(args, bytes, panel, row, super_block);
    if (row + 2 <= args.num_rows) {
      NarrowRows<kFamily, 2>(args, bytes, panel, row, super_block);
      row += 2;
    }
    if (row < args.num_rows) NarrowRows<kFamily, 1>(args, bytes, panel, row, super_block);
  }
}

template <Family kFamily>
void Narrow(const PackedArgs& args) {
  NarrowPanels<kFamily>(args,
                        []<int kT>(const std::byte* super, int blocks, const QuantisedSuper* x, F32(&acc)[kVecs][kT]) {
                          if constexpr (kT == 1) {
                            NarrowSuperRow<kFamily>(super, blocks, *x, acc);
                          } else {
                            for (int v = 0; v < kVecs; ++v) NarrowSuper<kFamily, kT>(super, blocks, v, x, acc[v]);
                          }
                        });
}
