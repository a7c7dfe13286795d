// SPDX-License-Identifier: Apache-2.0
// The AVX-VNNI packed kernels with their one instruction made of AVX2's, under a namespace of their own, for
// packed_test.cc.
#include "kernels/packed_kernels.h"

#include <immintrin.h>

namespace thimble::kernels::avxvnni_emulated {
namespace {
// vpdpbusd: four products of an unsigned and a signed byte added to each 32 bits. Even and odd bytes by themselves:
// each product fits 16 bits, a sum of two would not.
[[maybe_unused]] inline __m256i Dpbusd(__m256i sum, __m256i u, __m256i a) {
  const __m256i even =
      _mm256_mullo_epi16(_mm256_and_si256(u, _mm256_set1_epi16(0x00FF)), _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8));
  const __m256i odd = _mm256_mullo_epi16(_mm256_srli_epi16(u, 8), _mm256_srai_epi16(a, 8));
  const __m256i ones = _mm256_set1_epi16(1);
  return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(even, ones), _mm256_madd_epi16(odd, ones)));
}
#define _mm256_dpbusd_avx_epi32 Dpbusd

#include "kernels/isa/packed_avx2.inl"
#include "kernels/isa/packed_avxvnni.inl"

#include "kernels/generic/packed_narrow.inl"
#include "kernels/generic/packed_quantise.inl"
#include "kernels/generic/packed_steps.inl"
#include "kernels/generic/packed_wide.inl"
}  // namespace
#define THIMBLE_ROUNDED_FLOATS Family::kU8Flat
#include "kernels/generic/packed_table.inl"
}  // namespace thimble::kernels::avxvnni_emulated
