// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over WebAssembly's 128-bit vectors; float_portable.inl says what each name promises. Included
// after half_wasm.inl.

constexpr int kF32Lanes = 4;
constexpr int kGemmT = 2;  // register tile: 2 x 4 sums, 4 weights, 1 activation; x86 has 16 registers
constexpr int kGemmN = 4;
typedef float F32 __attribute__((vector_size(16)));
typedef std::int32_t I32 __attribute__((vector_size(16)));

inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      MulAdd(reinterpret_cast<v128_t>(a), reinterpret_cast<v128_t>(b), reinterpret_cast<v128_t>(c)));
}
inline F32 LoadHalf(const std::uint16_t* p) { return reinterpret_cast<F32>(HalvesToFloats(wasm_u32x4_load16x4(p))); }
inline void StoreHalf(std::uint16_t* p, F32 value) {
  const v128_t halves = FloatsToHalves(reinterpret_cast<v128_t>(value));
  wasm_v128_store64_lane(p, wasm_u16x8_narrow_i32x4(halves, halves), 0);
}
