// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over AVX2 registers; float_portable.inl says what each name promises.

constexpr int kF32Lanes = 8;
constexpr int kGemmT = 3;  // register tile: 3 x 4 sums, 4 weights, 1 activation
constexpr int kGemmN = 4;
constexpr int kAddT = 4;  // 4 x 3 sums, 3 vectors of b, 1 of a
constexpr int kAddVectors = 3;
typedef float F32 __attribute__((vector_size(32)));
typedef std::int32_t I32 __attribute__((vector_size(32)));

inline F32 Set(float value) { return reinterpret_cast<F32>(_mm256_set1_ps(value)); }
inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
}
template <int kGroup>
inline F32 Fold(F32 a, F32 b) {
  if constexpr (kGroup == 8) {
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
           __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  } else if constexpr (kGroup == 4) {
    return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  } else {
    return __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14) +
           __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
  }
}
inline F32 Ordered(F32 v) { return __builtin_shufflevector(v, v, 0, 4, 1, 5, 2, 6, 3, 7); }
// Ones in the first `count` lanes.
inline __m256i PartMask(std::int64_t count) {
  static const std::int32_t kOnesThenZeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kOnesThenZeros + 8 - count));
}
inline F32 LoadPart(const float* p, std::int64_t count) {
  return reinterpret_cast<F32>(_mm256_maskload_ps(p, PartMask(count)));
}
inline void StorePart(float* p, F32 value, std::int64_t count) {
  _mm256_maskstore_ps(p, PartMask(count), reinterpret_cast<__m256>(value));
}
inline F32 LoadBf16(const std::uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return reinterpret_cast<F32>(_mm256_slli_epi32(wide, 16));
}
inline F32 LoadCodes(const std::int8_t* p) {
  return reinterpret_cast<F32>(
      _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))));
}
inline F32 LoadHalf(const std::uint16_t* p) {
  return reinterpret_cast<F32>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph(reinterpret_cast<__m256>(value), _MM_FROUND_TO_NEAREST_INT));
}
