// SPDX-License-Identifier: Apache-2.0
// The packed kernels' vocabulary over AVX-512 registers: one vector holds one dot step of all 16 rows of a panel.
// Included inside an instruction set's namespace; packed_scalar.inl says what each name promises.

constexpr int kLanes = 16;
constexpr int kFullOffset = 128;  // vpdpbusd takes unsigned codes as they are
constexpr int kTilePanels = 2;
constexpr int kBlockTileRows = 6;
constexpr int kJoinedTileRows = 4;

using U8 = __m512i;
using I32 = __m512i;
using F32 = __m512;
using Quad = __m512i;

inline U8 LoadCodes(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
inline void StoreCodes(std::uint8_t* p, U8 u) { _mm512_storeu_si512(p, u); }
inline U8 LowNibbles(U8 u) { return _mm512_and_si512(u, _mm512_set1_epi8(0x0F)); }
inline U8 HighNibbles(U8 u) { return _mm512_and_si512(_mm512_srli_epi16(u, 4), _mm512_set1_epi8(0x0F)); }
template <int kBits>
inline U8 LowBits(U8 u) {
  return _mm512_and_si512(u, _mm512_set1_epi8((1 << kBits) - 1));
}
template <int kRight, int kMask>
inline U8 Part(U8 from) {
  return _mm512_and_si512(_mm512_srli_epi16(from, kRight), _mm512_set1_epi8(kMask));
}
template <int kRight, int kMask>
inline U8 WithPart(U8 u, U8 from) {
  const __m512i moved = _mm512_srli_epi16(from, kRight);
  return _mm512_ternarylogic_epi32(u, moved, _mm512_set1_epi8(kMask), 0xF8);  // u | (moved & kMask)
}
inline U8 LookUp16(U8 nibbles, const std::uint8_t* table) {
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), nibbles);
}

inline Quad LoadQuad(const std::int8_t* a) {
  std::int32_t bits;
  __builtin_memcpy(&bits, a, sizeof bits);
  return _mm512_set1_epi32(bits);
}
// One chain of vpdpbusd; every code width is exact.
template <int kBits, int kCount>
struct DotSum {
  I32 total;
  inline void Start(std::int32_t value) { total = _mm512_set1_epi32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    total = _mm512_dpbusd_epi32(total, u, a);
  }
  [[nodiscard]] inline I32 End() const { return total; }
};

inline F32 ZeroF32() { return _mm512_setzero_ps(); }
inline F32 SetF32(float value) { return _mm512_set1_ps(value); }
inline F32 ToF32(I32 value) { return _mm512_cvtepi32_ps(value); }
inline F32 Add(F32 a, F32 b) { return _mm512_add_ps(a, b); }
inline F32 Mul(F32 a, F32 b) { return _mm512_mul_ps(a, b); }
inline F32 Fma(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a, b, c); }
inline F32 NegFma(F32 a, F32 b, F32 c) { return _mm512_fnmadd_ps(a, b, c); }
inline F32 LoadF32(const float* p) { return _mm512_loadu_ps(p); }
inline void StoreF32(float* p, F32 value) { _mm512_storeu_ps(p, value); }
inline __mmask16 FirstLanes(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
inline void StorePart(float* p, F32 value, int count) { _mm512_mask_storeu_ps(p, FirstLanes(count), value); }
inline F32 LoadPart(const float* p, int count) { return _mm512_maskz_loadu_ps(FirstLanes(count), p); }
inline F32 LoadF16AsF32(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline F32 LoadU8AsF32(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline F32 LoadS8AsF32(const std::byte* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
