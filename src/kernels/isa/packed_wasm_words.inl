// SPDX-License-Identifier: Apache-2.0
// The dot step by products of 16-bit words, added in pairs: one instruction of x86 (pmaddwd), three of ARM. Codes are
// widened once for all rows of activations of a tile. Included after packed_wasm.inl.

constexpr int kFullOffset = 128;  // codes are widened as they are, without a sign

template <int kBits, int kCount>
struct WordsDot {
  I32 start;
  v128_t low[kRegs];   // of rows 0 and 1 of each four: two sums of two columns a step, apart
  v128_t high[kRegs];  // of rows 2 and 3
  inline void Start(std::int32_t value) { start = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    const v128_t words = wasm_i16x8_extend_low_i8x16(a);  // the four activations, twice
    for (int i = 0; i < kRegs; ++i) {
      const v128_t low_products = wasm_i32x4_dot_i16x8(wasm_u16x8_extend_low_u8x16(u.reg[i]), words);
      const v128_t high_products = wasm_i32x4_dot_i16x8(wasm_u16x8_extend_high_u8x16(u.reg[i]), words);
      low[i] = kStep == 0 ? low_products : wasm_i32x4_add(low[i], low_products);
      high[i] = kStep == 0 ? high_products : wasm_i32x4_add(high[i], high_products);
    }
  }
  [[nodiscard]] inline I32 End() const {
    return EachReg<I32>([this](int i) {
      const v128_t even = wasm_i32x4_shuffle(low[i], high[i], 0, 2, 4, 6);
      const v128_t odd = wasm_i32x4_shuffle(low[i], high[i], 1, 3, 5, 7);
      return wasm_i32x4_add(start.reg[i], wasm_i32x4_add(even, odd));
    });
  }
};
