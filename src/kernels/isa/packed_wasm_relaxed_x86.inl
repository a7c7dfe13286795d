// SPDX-License-Identifier: Apache-2.0
// The dot step of relaxed SIMD on x86: products of bytes added in pairs (pmaddubsw) stay in 16-bit lanes as long as
// they fit. The instruction with 32-bit sums, which ARM has, would be made of five there. Included after
// packed_wasm_words.inl.

constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 4;
constexpr int kJoinedTileRows = 0;

template <int kBits, int kCount>
struct DotSum {
  // Pairs of products that 16 bits hold the sum of: eight of 4-bit codes (8 * 2 * 127 * 15 = 30 480), four of 5-bit,
  // two of 6-bit, one of 7-bit ones.
  static constexpr int kRun = 32767 / (2 * 127 * ((1 << kBits) - 1));
  I32 total;
  v128_t pairs[kRegs];
  inline void Start(std::int32_t value) { total = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    for (int i = 0; i < kRegs; ++i) {
      const v128_t products = wasm_i16x8_relaxed_dot_i8x16_i7x16(a, u.reg[i]);
      pairs[i] = kStep % kRun == 0 ? products : wasm_i16x8_add(pairs[i], products);
      if constexpr (kStep % kRun == kRun - 1 || kStep == kCount - 1) {
        total.reg[i] = wasm_i32x4_add(total.reg[i], wasm_i32x4_extadd_pairwise_i16x8(pairs[i]));
      }
    }
  }
  [[nodiscard]] inline I32 End() const { return total; }
};
// 8-bit codes would have to be split into two of seven bits.
template <int kCount>
struct DotSum<8, kCount> : WordsDot<8, kCount> {};
