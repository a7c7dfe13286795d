// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over WebAssembly's 128-bit vectors; float_portable.inl says what each name promises. Included
// after half_wasm.inl.

constexpr int kF32Lanes = 4;
constexpr int kGemmT = 2;  // register tile: 2 x 4 sums, 4 weights, 1 activation; x86 has 16 registers
constexpr int kGemmN = 4;
constexpr int kAddT = 4;  // register tile of gemm_add
constexpr int kAddVectors = 2;
typedef float F32 __attribute__((vector_size(16)));
typedef std::int32_t I32 __attribute__((vector_size(16)));

inline F32 Set(float value) { return reinterpret_cast<F32>(wasm_f32x4_splat(value)); }
inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      MulAdd(reinterpret_cast<v128_t>(a), reinterpret_cast<v128_t>(b), reinterpret_cast<v128_t>(c)));
}
template <int kGroup>
inline F32 Fold(F32 a, F32 b) {
  if constexpr (kGroup == 4) {
    return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
  } else {
    return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
  }
}
inline F32 Ordered(F32 v) { return v; }
inline F32 LoadPart(const float* p, std::int64_t count) {
  F32 value{};
  for (std::int64_t i = 0; i < count; ++i) value[i] = p[i];
  return value;
}
inline void StorePart(float* p, F32 value, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) p[i] = value[i];
}
inline F32 LoadBf16(const std::uint16_t* p) {
  I32 bits{};
  for (int i = 0; i < kF32Lanes; ++i) bits[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(p[i]) << 16);
  return reinterpret_cast<F32>(bits);
}
inline F32 LoadCodes(const std::int8_t* p) {
  const v128_t wide = wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(p));
  return reinterpret_cast<F32>(wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(wide)));
}
inline F32 LoadHalf(const std::uint16_t* p) { return reinterpret_cast<F32>(HalvesToFloats(wasm_u32x4_load16x4(p))); }
inline void StoreHalf(std::uint16_t* p, F32 value) {
  const v128_t halves = FloatsToHalves(reinterpret_cast<v128_t>(value));
  wasm_v128_store64_lane(p, wasm_u16x8_narrow_i32x4(halves, halves), 0);
}
