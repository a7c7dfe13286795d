// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over AVX-512 registers; float_portable.inl says what each name promises.

constexpr int kF32Lanes = 16;
constexpr int kGemmT = 4;
constexpr int kGemmN = 6;
typedef float F32 __attribute__((vector_size(64)));
typedef std::int32_t I32 __attribute__((vector_size(64)));

inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
}
inline F32 LoadHalf(const std::uint16_t* p) {
  return reinterpret_cast<F32>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(reinterpret_cast<__m512>(value), _MM_FROUND_TO_NEAREST_INT));
}
