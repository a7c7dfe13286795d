// SPDX-License-Identifier: Apache-2.0
// The dot step where there is usdot (ARMv8.6 i8mm): unsigned codes as they are stored times signed activations.

constexpr int kFullOffset = 128;
constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 4;
constexpr int kJoinedTileRows = 0;

// As in packed_neon_sdot.inl: four steps share one load of activations.
struct Quad {
  const std::int8_t* a;
};
inline Quad LoadQuad(const std::int8_t* a) { return {a}; }

template <int kBits, int kCount>
struct DotSum {
  I32 total;
  inline void Start(std::int32_t value) { total = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad quad) {
    constexpr int kQuarter = kStep % 4;
    const int8x16_t a = vld1q_s8(quad.a - kQuarter * kDotColumns);
    for (int i = 0; i < kRegs; ++i) total.reg[i] = vusdotq_laneq_s32(total.reg[i], u.reg[i], a, kQuarter);
  }
  [[nodiscard]] inline I32 End() const { return total; }
};
