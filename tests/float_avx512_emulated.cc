// SPDX-License-Identifier: Apache-2.0
// The AVX-512 float kernels over vectors that any processor has, for float_gemm_test.cc: their text is tested on
// machines without AVX-512 too. Every operation is exactly rounded, so results are the same to the bit.
#include "base/half.h"
#include "kernels/float_kernels.h"

#include <cmath>
#include <cstdint>
#include <cstring>

namespace thimble::kernels::avx512_emulated {
namespace {

// The names of <immintrin.h>, which is not included.
typedef float __m512 __attribute__((vector_size(64)));
typedef std::int32_t __m512i __attribute__((vector_size(64)));
struct __m256i {
  std::uint16_t lanes[16];
};
struct __m128i {
  std::int8_t lanes[16];
};
using __mmask16 = std::uint16_t;
constexpr int _MM_FROUND_TO_NEAREST_INT = 0;

template <typename V, typename F>
inline V Each(const F& f) {
  V out{};
  for (int i = 0; i < 16; ++i) out[i] = f(i);
  return out;
}
inline __m512 _mm512_set1_ps(float value) {
  return Each<__m512>([&](int) { return value; });
}
inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  return Each<__m512>([&](int i) { return std::fma(a[i], b[i], c[i]); });
}
inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const float* p) {
  return Each<__m512>([&](int i) { return ((mask >> i) & 1) != 0 ? p[i] : 0.0F; });
}
inline void _mm512_mask_storeu_ps(float* p, __mmask16 mask, __m512 value) {
  for (int i = 0; i < 16; ++i) {
    if (((mask >> i) & 1) != 0) p[i] = value[i];
  }
}
inline __m256i _mm256_loadu_si256(const __m256i* p) {
  __m256i out;
  std::memcpy(&out, static_cast<const void*>(p), sizeof out);
  return out;
}
inline void _mm256_storeu_si256(__m256i* p, const __m256i& value) {
  std::memcpy(static_cast<void*>(p), &value, sizeof value);
}
inline __m128i _mm_loadu_si128(const __m128i* p) {
  __m128i out;
  std::memcpy(&out, static_cast<const void*>(p), sizeof out);
  return out;
}
inline __m512i _mm512_cvtepi8_epi32(const __m128i& a) {
  return Each<__m512i>([&](int i) { return static_cast<std::int32_t>(a.lanes[i]); });
}
inline __m512 _mm512_cvtepi32_ps(__m512i a) {
  return Each<__m512>([&](int i) { return static_cast<float>(a[i]); });
}
inline __m512i _mm512_cvtepu16_epi32(const __m256i& a) {
  return Each<__m512i>([&](int i) { return static_cast<std::int32_t>(a.lanes[i]); });
}
inline __m512i _mm512_slli_epi32(__m512i a, int count) {
  return Each<__m512i>([&](int i) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(a[i]) << count); });
}
inline __m512 _mm512_cvtph_ps(const __m256i& a) {
  return Each<__m512>([&](int i) { return F16ToF32(a.lanes[i]); });
}
inline __m256i _mm512_cvtps_ph(__m512 a, int) {
  __m256i out;
  for (int i = 0; i < 16; ++i) out.lanes[i] = F32ToF16(a[i]);
  return out;
}

#include "kernels/isa/float_avx512.inl"

#include "kernels/generic/float.inl"

// After float.inl.
#include "kernels/generic/float_attention.inl"
#include "kernels/generic/float_gemm.inl"

}  // namespace
#include "kernels/generic/float_table.inl"
}  // namespace thimble::kernels::avx512_emulated
