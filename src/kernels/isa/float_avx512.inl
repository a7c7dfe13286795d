// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over AVX-512 registers; float_portable.inl says what each name promises.

constexpr int kF32Lanes = 16;
constexpr int kGemmT = 4;
constexpr int kGemmN = 6;
constexpr int kAddT = 4;
constexpr int kAddVectors = 4;
typedef float F32 __attribute__((vector_size(64)));
typedef std::int32_t I32 __attribute__((vector_size(64)));

inline F32 Set(float value) { return reinterpret_cast<F32>(_mm512_set1_ps(value)); }
inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
}
template <int kGroup>
inline F32 Fold(F32 a, F32 b) {
  if constexpr (kGroup == 16) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  } else if constexpr (kGroup == 8) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  } else if constexpr (kGroup == 4) {
    return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
           __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  } else {
    return __builtin_shufflevector(a, b, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30) +
           __builtin_shufflevector(a, b, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31);
  }
}
inline F32 Ordered(F32 v) {
  return __builtin_shufflevector(v, v, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}
inline __mmask16 PartMask(std::int64_t count) { return static_cast<__mmask16>((1U << count) - 1); }
inline F32 LoadPart(const float* p, std::int64_t count) {
  return reinterpret_cast<F32>(_mm512_maskz_loadu_ps(PartMask(count), p));
}
inline void StorePart(float* p, F32 value, std::int64_t count) {
  _mm512_mask_storeu_ps(p, PartMask(count), reinterpret_cast<__m512>(value));
}
inline F32 LoadBf16(const std::uint16_t* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return reinterpret_cast<F32>(_mm512_slli_epi32(wide, 16));
}
inline F32 LoadCodes(const std::int8_t* p) {
  return reinterpret_cast<F32>(
      _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
}
inline F32 LoadHalf(const std::uint16_t* p) {
  return reinterpret_cast<F32>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(reinterpret_cast<__m512>(value), _MM_FROUND_TO_NEAREST_INT));
}
