// SPDX-License-Identifier: Apache-2.0
// What float and packed kernels for WebAssembly share: multiply-add as the module was built, and half floats, for which
// there is no instruction.

// a * b + c and c - a * b; relaxed SIMD rounds once where the processor can, and the engine decides so for the whole
// module.
#if defined(__wasm_relaxed_simd__)
inline v128_t MulAdd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_relaxed_madd(a, b, c); }
inline v128_t NegMulAdd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_relaxed_nmadd(a, b, c); }
#else
inline v128_t MulAdd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
inline v128_t NegMulAdd(v128_t a, v128_t b, v128_t c) { return wasm_f32x4_sub(c, wasm_f32x4_mul(a, b)); }
#endif

// Four half floats, one in each 32-bit lane, to floats: exponent and fraction in the float's places make a number that
// is too small by 2^112, also for subnormals; infinities and not-a-number get the largest exponent back.
inline v128_t HalvesToFloats(v128_t halves) {
  const v128_t magnitude = wasm_i32x4_shl(wasm_v128_and(halves, wasm_i32x4_splat(0x7FFF)), 13);
  const v128_t sign = wasm_i32x4_shl(wasm_v128_and(halves, wasm_i32x4_splat(0x8000)), 16);
  const v128_t is_special = wasm_i32x4_ge(magnitude, wasm_i32x4_splat(0x0F800000));
  const v128_t scaled = wasm_f32x4_mul(magnitude, wasm_f32x4_splat(0x1p112F));
  return wasm_v128_or(wasm_v128_or(scaled, sign), wasm_v128_and(is_special, wasm_i32x4_splat(0x7F800000)));
}

// Back, to nearest even, as in base/half.h: four halves in 32-bit lanes.
inline v128_t FloatsToHalves(v128_t floats) {
  const v128_t magnitude = wasm_v128_and(floats, wasm_i32x4_splat(0x7FFFFFFF));
  const v128_t sign = wasm_v128_and(wasm_u32x4_shr(floats, 16), wasm_i32x4_splat(0x8000));
  const v128_t odd = wasm_v128_and(wasm_u32x4_shr(magnitude, 13), wasm_i32x4_splat(1));
  const v128_t rounded = wasm_i32x4_add(wasm_i32x4_add(magnitude, wasm_i32x4_splat(0xFFF)), odd);
  const v128_t normal = wasm_u32x4_shr(wasm_i32x4_sub(rounded, wasm_i32x4_splat(0x38000000)), 13);
  // Below 2^-14: adding 0.5 puts the last bit at 2^-24, so that the addition rounds.
  const v128_t small = wasm_i32x4_sub(wasm_f32x4_add(magnitude, wasm_f32x4_splat(0.5F)), wasm_i32x4_splat(0x3F000000));
  v128_t half = wasm_v128_bitselect(small, normal, wasm_i32x4_lt(magnitude, wasm_i32x4_splat(0x38800000)));
  half = wasm_v128_bitselect(wasm_i32x4_splat(0x7C00), half, wasm_i32x4_ge(magnitude, wasm_i32x4_splat(0x477FF000)));
  half = wasm_v128_bitselect(wasm_i32x4_splat(0x7E00), half, wasm_i32x4_gt(magnitude, wasm_i32x4_splat(0x7F800000)));
  return wasm_v128_or(half, sign);
}
