// SPDX-License-Identifier: Apache-2.0
// The innermost loops of wide products over usmmla, which multiplies two rows of eight codes with two rows of eight
// activations: 32 products an instruction, twice those of a dot step. Takes the place of packed_steps.inl.
//
// For it, two steps of 4 columns become one of 8 in the scratch: of a pair of steps (128 bytes), vector v has 64 bytes
// from 64 v on, 16 for each two rows: row 0 k0 ... k7, row 1 k0 ... k7.

constexpr bool kStoresAsPacked = false;

inline void StoreBlock(std::uint8_t* block, int v, const U8 (&u)[kSteps]) {
  for (int step = 0; step < kSteps; step += 2) {
    std::uint8_t* out = block + step * kStepBytes + v * 2 * kVecBytes;
    for (int i = 0; i < kRegs; ++i) {
      const uint32x4_t first = vreinterpretq_u32_u8(u[step].reg[i]);
      const uint32x4_t second = vreinterpretq_u32_u8(u[step + 1].reg[i]);
      vst1q_u8(out + 32 * i, vreinterpretq_u8_u32(vzip1q_u32(first, second)));
      vst1q_u8(out + 32 * i + 16, vreinterpretq_u8_u32(vzip2q_u32(first, second)));
    }
  }
}

template <int kBits, int kCount, int kVectors, int kRows>
struct PartTile {
  static_assert(kVectors == kVecs, "one panel: its vectors follow one another");
  static constexpr int kRowPairs = kPanelRows / 2;  // of the panel
  static constexpr int kPairs = (kRows + 1) / 2;    // of activations; a single row is paired with itself
  static constexpr int kPairBytes = 16;             // two rows of eight codes
  int32x4_t sums[kRowPairs][kPairs];                // of weight rows r, r + 1 and activations t, t + 1:
                                                    // (r, t) (r, t + 1) (r + 1, t) (r + 1, t + 1)
  inline void Start(int t, std::int32_t value) {
    for (int r = 0; r < kRowPairs; ++r) {
      int32x4_t& sum = sums[r][t / 2];
      if (t % 2 == 0) {
        sum = vdupq_n_s32(value);
      } else {
        sum = vtrn1q_s32(sum, vdupq_n_s32(value));
      }
    }
  }
  // `codes` of the panel begin at codes[0]; activations of row t at a + t * stride.
  [[gnu::always_inline]] inline void Run(const std::uint8_t* const (&codes)[kVectors], const std::int8_t* a,
                                         std::int64_t stride) {
    for (int column = 0; column < kCount * kDotColumns; column += 16) {
      const std::uint8_t* first = codes[0] + column / kDotColumns * kStepBytes;
      int8x16_t low[kPairs];   // eight columns of two rows of activations
      int8x16_t high[kPairs];  // the next eight
      for (int p = 0; p < kPairs; ++p) {
        const std::int8_t* row = a + 2 * p * stride + column;
        const int64x2_t even = vreinterpretq_s64_s8(vld1q_s8(row));
        const int64x2_t odd = 2 * p + 1 < kRows ? vreinterpretq_s64_s8(vld1q_s8(row + stride)) : even;
        low[p] = vreinterpretq_s8_s64(vzip1q_s64(even, odd));
        high[p] = vreinterpretq_s8_s64(vzip2q_s64(even, odd));
      }
      for (int r = 0; r < kRowPairs; ++r) {
        const uint8x16_t u = vld1q_u8(first + r * kPairBytes);
        for (int p = 0; p < kPairs; ++p) sums[r][p] = vusmmlaq_s32(sums[r][p], u, low[p]);
      }
      for (int r = 0; r < kRowPairs; ++r) {
        const uint8x16_t u = vld1q_u8(first + 2 * kStepBytes + r * kPairBytes);
        for (int p = 0; p < kPairs; ++p) sums[r][p] = vusmmlaq_s32(sums[r][p], u, high[p]);
      }
    }
  }
  [[nodiscard]] inline I32 Sum(int i, int t) const {
    return EachReg<I32>([&](int reg) {
      const int r = (i * kRegs + reg) * 2;
      const int32x4_t first = sums[r][t / 2];
      const int32x4_t second = sums[r + 1][t / 2];
      return t % 2 == 0 ? vuzp1q_s32(first, second) : vuzp2q_s32(first, second);
    });
  }
};
