// SPDX-License-Identifier: Apache-2.0
// The dot step where NEON has no dot instruction (ARMv8.0): products of bytes in 16-bit lanes, which stay there as long
// as they fit.

constexpr int kFullOffset = 0;  // full codes are made signed before multiplying
constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 2;
constexpr int kJoinedTileRows = 0;

using Quad = int8x16_t;
inline Quad LoadQuad(const std::int8_t* a) {
  std::int32_t bits;
  __builtin_memcpy(&bits, a, sizeof bits);
  Quad quad = vreinterpretq_s8_s32(vdupq_n_s32(bits));
#ifdef __clang__
  // It must not see that both halves are the same: it would multiply by the low one twice, and move the codes' high
  // half down for that (`ext`) instead of taking `smlal2`. GCC takes it anyway, and gets up to 4 % longer with this.
  __asm__("" : "+w"(quad));
#endif
  return quad;
}

// A product is at most 127 * largest code, so that 16 bits hold the sum of eight steps of 4- and 5-bit codes
// (8 * 127 * 31 = 31 496), four of 6-bit (4 * 127 * 63 = 32 004), two of signed 8-bit ones (2 * 127 * 128 = 32 512).
template <int kBits, int kCount>
struct DotSum {
  static constexpr int kFits = kBits <= 5 ? 8 : kBits == 6 ? 4 : 2;
  static constexpr int kRun = kFits < kCount ? kFits : kCount;
  I32 total;
  int16x8_t low[kRegs];   // of rows 0 and 1 of each four: the products of their four columns apart
  int16x8_t high[kRegs];  // of rows 2 and 3
  inline void Start(std::int32_t value) { total = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    for (int i = 0; i < kRegs; ++i) {
      const int8x16_t w = SignedCodes<kBits>(u.reg[i]);
      if constexpr (kStep % kRun == 0) {
        low[i] = vmull_s8(vget_low_s8(w), vget_low_s8(a));
        high[i] = vmull_high_s8(w, a);
      } else {
        low[i] = vmlal_s8(low[i], vget_low_s8(w), vget_low_s8(a));
        high[i] = vmlal_high_s8(high[i], w, a);
      }
      if constexpr (kStep % kRun == kRun - 1) {
        total.reg[i] = vaddq_s32(total.reg[i], vpaddq_s32(vpaddlq_s16(low[i]), vpaddlq_s16(high[i])));
      }
    }
  }
  [[nodiscard]] inline I32 End() const { return total; }
};
