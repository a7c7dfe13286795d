// SPDX-License-Identifier: Apache-2.0
// The dot step where there is sdot (ARMv8.2 dotprod): four products of signed bytes added to each 32-bit lane.

constexpr int kFullOffset = 0;  // full codes are made signed before multiplying
constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 4;
constexpr int kJoinedTileRows = 0;

// Where the four activations of a dot step lie. sdot takes them from any quarter of a register, so that four steps
// share one load of 16 bytes; the compiler sees that the four loads below are one.
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
    for (int i = 0; i < kRegs; ++i) {
      total.reg[i] = vdotq_laneq_s32(total.reg[i], SignedCodes<kBits>(u.reg[i]), a, kQuarter);
    }
  }
  [[nodiscard]] inline I32 End() const { return total; }
};
