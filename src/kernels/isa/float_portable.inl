// SPDX-License-Identifier: Apache-2.0
// The float vocabulary on any processor, over vectors of four that the compiler maps to what there is. This is the
// place that says what each name means. Vectors are the compilers' vector_size type, so + - * / and comparisons are
// built in.

constexpr int kF32Lanes = 4;
constexpr int kGemmT = 2;  // register tile of gemm: kGemmT x kGemmN sums
constexpr int kGemmN = 4;
constexpr int kAddT = 4;  // register tile of gemm_add: kAddT x kAddVectors vectors of sums
constexpr int kAddVectors = 2;
typedef float F32 __attribute__((vector_size(16)));
typedef std::int32_t I32 __attribute__((vector_size(16)));

inline F32 Set(float value) { return F32{value, value, value, value}; }
// a * b + c; rounded once where the processor has a fused instruction, else twice.
inline F32 Fma(F32 a, F32 b, F32 c) { return a * b + c; }
// One level of adding up the lanes of many vectors at once. a and b hold sums that are still spread over kGroup lanes;
// the result holds those of both, spread over kGroup / 2: the upper half of each group is added to the lower one. Where
// the groups stand is up to the instruction set, except that the first one of a comes first.
template <int kGroup>
inline F32 Fold(F32 a, F32 b) {
  if constexpr (kGroup == 4) {
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
  } else {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
  }
}
// What all levels, from kGroup = kF32Lanes down to 2, made of kF32Lanes vectors: the sum of vector i in lane i.
inline F32 Ordered(F32 v) { return v; }
// The first `count` lanes (0 < count < kF32Lanes), zeros behind; what lies behind in memory is not touched.
inline F32 LoadPart(const float* p, std::int64_t count) {
  F32 value{};
  for (std::int64_t i = 0; i < count; ++i) value[i] = p[i];
  return value;
}
inline void StorePart(float* p, F32 value, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) p[i] = value[i];
}
// kF32Lanes bfloat16 numbers as floats.
inline F32 LoadBf16(const std::uint16_t* p) {
  I32 bits{};
  for (int i = 0; i < kF32Lanes; ++i) bits[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(p[i]) << 16);
  return reinterpret_cast<F32>(bits);
}
// kF32Lanes signed 8-bit codes as floats.
inline F32 LoadCodes(const std::int8_t* p) {
  F32 out{};
  for (int i = 0; i < kF32Lanes; ++i) out[i] = static_cast<float>(p[i]);
  return out;
}
// kF32Lanes IEEE half floats as floats, and back (to nearest even).
inline F32 LoadHalf(const std::uint16_t* p) {
  F32 out{};
  for (int i = 0; i < kF32Lanes; ++i) out[i] = ::thimble::F16ToF32(p[i]);
  return out;
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  for (int i = 0; i < kF32Lanes; ++i) p[i] = ::thimble::F32ToF16(value[i]);
}
