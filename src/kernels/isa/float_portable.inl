// SPDX-License-Identifier: Apache-2.0
// The float vocabulary on any processor, over vectors of four that the compiler maps to what there is. This is the
// place that says what each name means. Vectors are the compilers' vector_size type, so + - * / and comparisons are
// built in.

constexpr int kF32Lanes = 4;
constexpr int kGemmT = 2;  // register tile of gemm: kGemmT x kGemmN sums
constexpr int kGemmN = 4;
typedef float F32 __attribute__((vector_size(16)));
typedef std::int32_t I32 __attribute__((vector_size(16)));

// a * b + c; rounded once where the processor has a fused instruction, else twice.
inline F32 Fma(F32 a, F32 b, F32 c) { return a * b + c; }
// kF32Lanes IEEE half floats as floats, and back (to nearest even).
inline F32 LoadHalf(const std::uint16_t* p) {
  F32 out{};
  for (int i = 0; i < kF32Lanes; ++i) out[i] = ::thimble::F16ToF32(p[i]);
  return out;
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  for (int i = 0; i < kF32Lanes; ++i) p[i] = ::thimble::F32ToF16(value[i]);
}
