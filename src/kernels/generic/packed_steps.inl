// SPDX-License-Identifier: Apache-2.0
// The innermost loops of wide products for instructions that multiply each row by the same four activations, step after
// step. Codes lie in the scratch as in panels. Included after packed_narrow.inl.

constexpr bool kStoresAsPacked = true;  // codes that are bytes need not be copied

// Codes of a block's steps of the rows of vector `v`, into the block's place in the scratch.
inline void StoreBlock(std::uint8_t* block, int v, const U8 (&u)[kSteps]) {
  for (int step = 0; step < kSteps; ++step) StoreCodes(block + step * kStepBytes + v * kVecBytes, u[step]);
}

// kVectors vectors of rows times kRows rows of activations; a run is kCount steps.
template <int kBits, int kCount, int kVectors, int kRows>
struct PartTile {
  DotSum<kBits, kCount> sums[kVectors][kRows];

  // What the sums of row t begin with; sums of all runs since then.
  inline void Start(int t, std::int32_t value) {
    for (int i = 0; i < kVectors; ++i) sums[i][t].Start(value);
  }
  [[nodiscard]] inline I32 Sum(int i, int t) const { return sums[i][t].End(); }
  // `codes` of vector i begin at codes[i]; activations of row t at a + t * stride.
  [[gnu::always_inline]] inline void Run(const std::uint8_t* const (&codes)[kVectors], const std::int8_t* a,
                                         std::int64_t stride) {
    Step<0>(codes, a, stride);
    Step<1>(codes, a, stride);
    Step<2>(codes, a, stride);
    Step<3>(codes, a, stride);
    if constexpr (kCount == 8) {
      Step<4>(codes, a, stride);
      Step<5>(codes, a, stride);
      Step<6>(codes, a, stride);
      Step<7>(codes, a, stride);
    }
  }
  template <int kStep>
  [[gnu::always_inline]] inline void Step(const std::uint8_t* const (&codes)[kVectors], const std::int8_t* a,
                                          std::int64_t stride) {
    U8 u[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) u[i] = LoadCodes(codes[i] + kStep * kStepBytes);
#pragma GCC unroll 8
    for (int t = 0; t < kRows; ++t) {
      const Quad quad = LoadQuad(a + t * stride + kStep * kDotColumns);
#pragma GCC unroll 4
      for (int i = 0; i < kVectors; ++i) sums[i][t].template Step<kStep>(u[i], quad);
    }
  }
};
