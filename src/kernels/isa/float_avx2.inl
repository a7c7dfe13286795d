// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over AVX2 registers; float_portable.inl says what each name promises.

constexpr int kF32Lanes = 8;
constexpr int kGemmT = 3;  // register tile: 3 x 4 sums, 4 weights, 1 activation
constexpr int kGemmN = 4;
typedef float F32 __attribute__((vector_size(32)));
typedef std::int32_t I32 __attribute__((vector_size(32)));

inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
}
inline F32 LoadHalf(const std::uint16_t* p) {
  return reinterpret_cast<F32>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph(reinterpret_cast<__m256>(value), _MM_FROUND_TO_NEAREST_INT));
}
