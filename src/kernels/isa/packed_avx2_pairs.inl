// SPDX-License-Identifier: Apache-2.0
// The dot step of AVX2, and what packed_scaled.inl needs: products of 8 bits are added up in 16. Included after
// packed_avx2.inl.

constexpr int kFullOffset = 0;  // full codes are made signed before multiplying
constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 4;
constexpr int kJoinedTileRows = 0;
constexpr int kScaledTileRows = 4;

using I16 = __m256i;

// The sum, ready at this place: left alone, compilers change the order of integer sums, multiply ahead, add up later,
// and in between spill what does not fit 16 registers. Costs no instruction.
inline __m256i InOrder(__m256i sum) {
  __asm__("" : "+x"(sum));
  return sum;
}
// vpmaddubsw adds two products into 16 bits: at most 2 * 127 * largest code. Sums stay there as long as they fit: all
// eight steps of 4-bit codes (8 * 3810), four of 5-bit (4 * 7874), two of 6-bit (2 * 16002).
template <int kBits, int kCount>
struct DotSum {
  static constexpr int kFits = kBits == 4 ? 8 : kBits == 5 ? 4 : kBits == 6 ? 2 : 1;
  static constexpr int kRun = kFits < kCount ? kFits : kCount;
  I32 total;
  __m256i pairs;
  inline void Start(std::int32_t value) { total = _mm256_set1_epi32(value); }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    __m256i products;
    if constexpr (kBits == 8) {
      const __m256i w = _mm256_xor_si256(u, _mm256_set1_epi8(static_cast<char>(0x80)));  // code - 128
      products = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
    } else {
      products = _mm256_maddubs_epi16(u, a);
    }
    pairs = kStep % kRun == 0 ? products : InOrder(_mm256_add_epi16(pairs, products));
    if constexpr (kStep % kRun == kRun - 1) {
      total = InOrder(_mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))));
    }
  }
  [[nodiscard]] inline I32 End() const { return total; }
};

// For packed_scaled.inl: sums of two neighbouring products in 16 bits, two of them a row.
constexpr int StepsIn16Bits(int bits) { return bits == 4 ? 8 : bits == 5 ? 4 : 2; }
inline I16 MulPairs(U8 u, Quad a) { return _mm256_maddubs_epi16(u, a); }
inline I16 AddPairs(I16 a, I16 b) { return InOrder(_mm256_add_epi16(a, b)); }
inline I32 MulAddPairs(I16 a, I16 b) { return _mm256_madd_epi16(a, b); }
inline I16 LoadI16(const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline I16 AsPairs(I32 value) { return value; }
inline I32 SubI32(I32 a, I32 b) { return _mm256_sub_epi32(a, b); }
// One byte a row of a panel -> 16 bits, twice, of the rows of vector `v`. The bytes are moved into the low (or, to keep
// their sign, the high) half of each 16 bits.
inline __m256i SpreadBytes(const std::uint8_t* p, int v, int half) {
  const __m256i all = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m256i rows =
      _mm256_setr_epi32(0, 0x01010101, 0x02020202, 0x03030303, 0x04040404, 0x05050505, 0x06060606, 0x07070707);
  const __m256i keep = _mm256_set1_epi16(static_cast<short>(half == 0 ? 0xFF00 : 0x00FF));  // set top bit: a zero
  const __m256i index = _mm256_add_epi8(rows, _mm256_set1_epi8(static_cast<char>(v * kLanes)));
  return _mm256_shuffle_epi8(all, _mm256_or_si256(index, keep));
}
inline I16 PairsOfU8(const std::uint8_t* p, int v) { return SpreadBytes(p, v, 0); }
inline I16 PairsOfS8(const std::uint8_t* p, int v) { return _mm256_srai_epi16(SpreadBytes(p, v, 1), 8); }
template <int kOffset>
inline I16 TimesOffset(I16 scales) {
  static_assert(kOffset == 32);
  return _mm256_slli_epi16(scales, 5);
}
// Of two vectors whose pairs hold a number twice: the first one's number, then the second one's.
inline I16 EachOnce(I16 first, I16 second) { return _mm256_blend_epi16(first, second, 0xAA); }
inline I32 AddI32(I32 a, I32 b) { return _mm256_add_epi32(a, b); }
