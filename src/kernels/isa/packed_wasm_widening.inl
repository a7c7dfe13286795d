// SPDX-License-Identifier: Apache-2.0
// The dot step by products of bytes in 16-bit lanes, which stay there as long as they fit.

constexpr int kFullOffset = 0;  // full codes are made signed before multiplying

// A product is at most 127 * largest code, so that 16 bits hold the sum of eight steps of 4- and 5-bit codes
// (8 * 127 * 31 = 31 496), four of 6-bit (4 * 127 * 63 = 32 004), two of signed 8-bit ones (2 * 127 * 128 = 32 512).
template <int kBits, int kCount>
struct WideningDot {
  static constexpr int kFits = kBits <= 5 ? 8 : kBits == 6 ? 4 : 2;
  static constexpr int kRun = kFits < kCount ? kFits : kCount;
  I32 start;
  v128_t low[kRegs];        // 16-bit lanes, of rows 0 and 1 of each four: products of their four columns apart
  v128_t high[kRegs];       // of rows 2 and 3
  v128_t low_pairs[kRegs];  // the same in 32-bit lanes, columns added in pairs
  v128_t high_pairs[kRegs];
  inline void Start(std::int32_t value) { start = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    for (int i = 0; i < kRegs; ++i) {
      const v128_t w = kBits == 8 ? wasm_v128_xor(u.reg[i], wasm_i8x16_splat(-128)) : u.reg[i];  // code - 128
      const v128_t low_products = wasm_i16x8_extmul_low_i8x16(w, a);
      const v128_t high_products = wasm_i16x8_extmul_high_i8x16(w, a);
      low[i] = kStep % kRun == 0 ? low_products : wasm_i16x8_add(low[i], low_products);
      high[i] = kStep % kRun == 0 ? high_products : wasm_i16x8_add(high[i], high_products);
      if constexpr (kStep % kRun == kRun - 1) {
        const v128_t low_sums = wasm_i32x4_extadd_pairwise_i16x8(low[i]);
        const v128_t high_sums = wasm_i32x4_extadd_pairwise_i16x8(high[i]);
        low_pairs[i] = kStep < kRun ? low_sums : wasm_i32x4_add(low_pairs[i], low_sums);
        high_pairs[i] = kStep < kRun ? high_sums : wasm_i32x4_add(high_pairs[i], high_sums);
      }
    }
  }
  [[nodiscard]] inline I32 End() const {
    return EachReg<I32>([this](int i) {
      const v128_t even = wasm_i32x4_shuffle(low_pairs[i], high_pairs[i], 0, 2, 4, 6);
      const v128_t odd = wasm_i32x4_shuffle(low_pairs[i], high_pairs[i], 1, 3, 5, 7);
      return wasm_i32x4_add(start.reg[i], wasm_i32x4_add(even, odd));
    });
  }
};
