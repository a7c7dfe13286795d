// SPDX-License-Identifier: Apache-2.0
// The most float multiply-adds, and the fastest way to read memory, over the float vocabulary (isa/float_*.inl).
// Included inside an instruction set's namespace, which says kPeakSums: sums that go on side by side, at least latency
// times units of the multiply-add.

std::int64_t FloatMultiplyAdds(std::int64_t rounds) {
  // All different, or the compiler would compute one for all. Each goes towards 0.5: nothing overflows, nothing becomes
  // denormal.
  F32 sums[kPeakSums];
  for (int i = 0; i < kPeakSums; ++i) sums[i] = F32{} + static_cast<float>(i);
  const F32 factor = F32{} + 0.5F;
  const F32 term = F32{} + 0.25F;
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (F32& sum : sums) sum = Fma(sum, factor, term);
  }
  __asm__ volatile("" : : "r"(sums) : "memory");  // somebody wants them
  return rounds * kPeakSums * kF32Lanes;
}

std::uint64_t ReadWords(const std::byte* from, std::int64_t bytes) {
  constexpr int kStreams = 4;
  constexpr std::int64_t kVectorBytes = sizeof(I32);
  I32 parts[kStreams] = {};
  for (std::int64_t at = 0; at < bytes; at += kStreams * kVectorBytes) {
    for (int i = 0; i < kStreams; ++i) {
      I32 words;
      __builtin_memcpy(&words, from + at + i * kVectorBytes, sizeof words);
      parts[i] ^= words;
    }
  }
  const I32 all = (parts[0] ^ parts[1]) ^ (parts[2] ^ parts[3]);
  std::uint64_t words[sizeof(I32) / 8];
  __builtin_memcpy(words, &all, sizeof all);
  std::uint64_t result = 0;
  for (const std::uint64_t word : words) result ^= word;
  return result;
}
