// SPDX-License-Identifier: Apache-2.0
// The dot step of AVX-VNNI: vpdpbusd on 256 bits. Included after packed_avx2.inl.

constexpr int kFullOffset = 128;  // vpdpbusd takes unsigned codes as they are
constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 6;  // 12 sums, two vectors of codes and one of activations: 15 of 16 registers
constexpr int kJoinedTileRows = 0;

// One chain of vpdpbusd; every code width is exact.
template <int kBits, int kCount>
struct DotSum {
  I32 total;
  inline void Start(std::int32_t value) { total = SetI32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    total = _mm256_dpbusd_avx_epi32(total, u, a);
  }
  [[nodiscard]] inline I32 End() const { return total; }
};
