// SPDX-License-Identifier: Apache-2.0
// The dot step of relaxed SIMD: four products added to each 32-bit lane, of a signed byte (activations) and one of
// seven bits (codes). What engines may do differently, a negative second byte and pairs beyond 16 bits, does not occur:
// 2 * 127 * 127 = 32 258. Included after packed_wasm_widening.inl.

constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 4;
constexpr int kJoinedTileRows = 0;

template <int kBits, int kCount>
struct DotSum {
  I32 total;
  inline void Start(std::int32_t value) { total = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    for (int i = 0; i < kRegs; ++i) {
      total.reg[i] = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, u.reg[i], total.reg[i]);
    }
  }
  [[nodiscard]] inline I32 End() const { return total; }
};
// 8-bit codes would have to be split into two of seven bits; two dot steps are slower than widening.
template <int kCount>
struct DotSum<8, kCount> : WideningDot<8, kCount> {};
