// SPDX-License-Identifier: Apache-2.0
// The most multiply-adds of the packed kernels, over their vocabulary (isa/packed_*.inl). Included inside an
// instruction set's namespace, which says kPeakRows: rows of activations multiplied together, enough that no sum waits
// for itself, few enough that everything stays in registers.

// The compiler no longer knows where the pointer leads, so what is read there cannot be computed once for all rounds.
template <typename T>
inline void HidePointer(T*& pointer) {
  __asm__ volatile("" : "+r"(pointer) : : "memory");
}

template <int kStep>
inline void PeakStep(const std::uint8_t* codes, const Quad* quads, DotSum<4, kSteps>* sums) {
  const U8 u = LoadCodes(codes + kStep * kLanes * kDotColumns);
  for (int row = 0; row < kPeakRows; ++row) sums[row].template Step<kStep>(u, quads[row]);
}

std::int64_t Int8MultiplyAdds(std::int64_t rounds) {
  // Codes equal within a step and activations that add up to zero: bits change, sums stay small for ever.
  alignas(64) std::uint8_t codes[kSteps * kLanes * kDotColumns];
  for (int i = 0; i < kSteps * kLanes * kDotColumns; ++i) codes[i] = static_cast<std::uint8_t>(i / kDotColumns % 16);
  std::int8_t activations[kPeakRows * kDotColumns];
  for (int row = 0; row < kPeakRows; ++row) {
    const int size = 127 - 3 * row;
    const int quad[kDotColumns] = {size, -size, 1 - size, size - 1};
    for (int i = 0; i < kDotColumns; ++i) activations[row * kDotColumns + i] = static_cast<std::int8_t>(quad[i]);
  }
  DotSum<4, kSteps> sums[kPeakRows];
  for (auto& sum : sums) sum.Start(0);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::uint8_t* u = codes;
    const std::int8_t* a = activations;
    HidePointer(u);
    HidePointer(a);
    Quad quads[kPeakRows];
    for (int row = 0; row < kPeakRows; ++row) quads[row] = LoadQuad(a + row * kDotColumns);
    PeakStep<0>(u, quads, sums);
    PeakStep<1>(u, quads, sums);
    PeakStep<2>(u, quads, sums);
    PeakStep<3>(u, quads, sums);
    PeakStep<4>(u, quads, sums);
    PeakStep<5>(u, quads, sums);
    PeakStep<6>(u, quads, sums);
    PeakStep<7>(u, quads, sums);
  }
  I32 results[kPeakRows];
  for (int row = 0; row < kPeakRows; ++row) results[row] = sums[row].End();
  const I32* kept = results;
  HidePointer(kept);
  return rounds * kSteps * kPeakRows * kLanes * kDotColumns;
}
