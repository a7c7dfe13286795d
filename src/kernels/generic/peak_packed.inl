// SPDX-License-Identifier: Apache-2.0
// The most multiply-adds of the packed kernels, over their vocabulary (isa/packed_*.inl). Included inside an
// instruction set's namespace, which says kPeakRows: rows of activations multiplied together, enough that no sum waits
// for itself, few enough that everything stays in registers; and Keep(&sum), which makes the compiler have the sum
// ready at that place: left alone, it multiplies ahead, adds up later, and in between spills what does not fit.

// The compiler no longer knows where the pointer leads, so what is read there cannot be computed once for all rounds.
template <typename T>
inline void HidePointer(T** pointer) {
  __asm__ volatile("" : "+r"(*pointer));
}

// kRows sums and the activations they are multiplied with: nested members, which stay in registers where an array would
// lie in memory.
template <int kRows>
struct PeakTile {
  DotSum<4, kSteps> sum;
  Quad quad;
  PeakTile<kRows - 1> rest;

  inline void Start() {
    sum.Start(0);
    rest.Start();
  }
  inline void Load(const std::int8_t* activations) {
    quad = LoadQuad(activations);
    rest.Load(activations + kDotColumns);
  }
  template <int kStep>
  inline void Step(U8 u) {
    sum.template Step<kStep>(u, quad);
    Keep(&sum);
    rest.template Step<kStep>(u);
  }
  inline void End(I32* results) const {
    results[kRows - 1] = sum.End();
    rest.End(results);
  }
};
template <>
struct PeakTile<0> {
  inline void Start() {}
  inline void Load(const std::int8_t*) {}
  template <int kStep>
  inline void Step(U8) {}
  inline void End(I32*) const {}
};

template <int kStep>
inline void PeakStep(const std::uint8_t* codes, PeakTile<kPeakRows>* tile) {
  tile->template Step<kStep>(LoadCodes(codes + kStep * kLanes * kDotColumns));
}

std::int64_t Int8MultiplyAdds(std::int64_t rounds) {
  // Codes equal within a step and activations that add up to zero: bits change, sums stay small for ever.
  alignas(64) std::uint8_t codes[kSteps * kLanes * kDotColumns];
  for (int i = 0; i < kSteps * kLanes * kDotColumns; ++i) codes[i] = static_cast<std::uint8_t>(i / kDotColumns % 16);
  // Some instruction sets load 16 bytes around a row's four.
  constexpr int kAround = 16;
  std::int8_t activations[kAround + kPeakRows * kDotColumns + kAround] = {};
  for (int row = 0; row < kPeakRows; ++row) {
    const int size = 127 - 3 * row;
    const int quad[kDotColumns] = {size, -size, 1 - size, size - 1};
    for (int i = 0; i < kDotColumns; ++i)
      activations[kAround + row * kDotColumns + i] = static_cast<std::int8_t>(quad[i]);
  }
  PeakTile<kPeakRows> tile;
  tile.Start();
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::uint8_t* u = codes;
    const std::int8_t* a = activations + kAround;
    HidePointer(&u);
    HidePointer(&a);
    tile.Load(a);
    PeakStep<0>(u, &tile);
    PeakStep<1>(u, &tile);
    PeakStep<2>(u, &tile);
    PeakStep<3>(u, &tile);
    PeakStep<4>(u, &tile);
    PeakStep<5>(u, &tile);
    PeakStep<6>(u, &tile);
    PeakStep<7>(u, &tile);
  }
  I32 results[kPeakRows];
  tile.End(results);
  __asm__ volatile("" : : "r"(results) : "memory");  // somebody wants them
  return rounds * kSteps * kPeakRows * kLanes * kDotColumns;
}
