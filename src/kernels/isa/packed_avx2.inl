// SPDX-License-Identifier: Apache-2.0
// The packed kernels' vocabulary over AVX2 registers, all but the dot step (DotSum), which AVX-VNNI has an instruction
// for: one vector holds one dot step of 8 rows of a panel. Included inside an instruction set's namespace;
// packed_scalar.inl says what each name promises.

constexpr int kLanes = 8;

using U8 = __m256i;
using I32 = __m256i;
using F32 = __m256;
using Quad = __m256i;

inline U8 LoadCodes(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline void StoreCodes(std::uint8_t* p, U8 u) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), u); }
inline U8 LowNibbles(U8 u) { return _mm256_and_si256(u, _mm256_set1_epi8(0x0F)); }
inline U8 HighNibbles(U8 u) { return _mm256_and_si256(_mm256_srli_epi16(u, 4), _mm256_set1_epi8(0x0F)); }
template <int kBits>
inline U8 LowBits(U8 u) {
  return _mm256_and_si256(u, _mm256_set1_epi8((1 << kBits) - 1));
}
template <int kRight, int kMask>
inline U8 Part(U8 from) {
  return _mm256_and_si256(_mm256_srli_epi16(from, kRight), _mm256_set1_epi8(kMask));
}
template <int kRight, int kMask>
inline U8 WithPart(U8 u, U8 from) {
  return _mm256_or_si256(u, Part<kRight, kMask>(from));
}
inline U8 LookUp16(U8 nibbles, const std::uint8_t* table) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))),
                             nibbles);
}

inline Quad LoadQuad(const std::int8_t* a) {
  std::int32_t bits;
  __builtin_memcpy(&bits, a, sizeof bits);
  return _mm256_set1_epi32(bits);
}
inline I32 SetI32(std::int32_t value) { return _mm256_set1_epi32(value); }

inline F32 ZeroF32() { return _mm256_setzero_ps(); }
inline F32 SetF32(float value) { return _mm256_set1_ps(value); }
inline F32 ToF32(I32 value) { return _mm256_cvtepi32_ps(value); }
inline F32 Add(F32 a, F32 b) { return _mm256_add_ps(a, b); }
inline F32 Mul(F32 a, F32 b) { return _mm256_mul_ps(a, b); }
inline F32 Fma(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a, b, c); }
inline F32 NegFma(F32 a, F32 b, F32 c) { return _mm256_fnmadd_ps(a, b, c); }
inline F32 LoadF32(const float* p) { return _mm256_loadu_ps(p); }
inline void StoreF32(float* p, F32 value) { _mm256_storeu_ps(p, value); }
inline __m256i FirstLanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline void StorePart(float* p, F32 value, int count) { _mm256_maskstore_ps(p, FirstLanes(count), value); }
inline F32 LoadPart(const float* p, int count) { return _mm256_maskload_ps(p, FirstLanes(count)); }
inline F32 LoadF16AsF32(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F32 LoadU8AsF32(const std::byte* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline F32 LoadS8AsF32(const std::byte* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
