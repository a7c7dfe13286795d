// SPDX-License-Identifier: Apache-2.0
// The packed kernels' vocabulary over WebAssembly's 128-bit vectors, all but the dot step (DotSum), which relaxed SIMD
// does better. Included inside an instruction set's namespace after half_wasm.inl; packed_scalar.inl says what each
// name promises.

constexpr int kRegs = 1;  // vectors of 128 bits, four rows each
constexpr int kLanes = 4 * kRegs;

struct U8 {
  v128_t reg[kRegs];
};
struct I32 {
  v128_t reg[kRegs];
};
struct F32 {
  v128_t reg[kRegs];
};
// f(register index) for each register of a vector.
template <typename V, typename F>
inline V EachReg(const F& f) {
  V out;
  for (int i = 0; i < kRegs; ++i) out.reg[i] = f(i);
  return out;
}

inline U8 LoadCodes(const std::uint8_t* p) {
  return EachReg<U8>([p](int i) { return wasm_v128_load(p + 16 * i); });
}
inline void StoreCodes(std::uint8_t* p, U8 u) {
  for (int i = 0; i < kRegs; ++i) wasm_v128_store(p + 16 * i, u.reg[i]);
}
inline U8 LowNibbles(U8 u) {
  return EachReg<U8>([&u](int i) { return wasm_v128_and(u.reg[i], wasm_i8x16_splat(0x0F)); });
}
// Shifts of bytes are slow on x86, so halves of 16 bits are shifted and what crossed over is masked away.
inline U8 HighNibbles(U8 u) {
  return EachReg<U8>([&u](int i) { return wasm_v128_and(wasm_u16x8_shr(u.reg[i], 4), wasm_i8x16_splat(0x0F)); });
}
template <int kBits>
inline U8 LowBits(U8 u) {
  return EachReg<U8>([&u](int i) { return wasm_v128_and(u.reg[i], wasm_i8x16_splat((1 << kBits) - 1)); });
}
template <int kRight, int kMask>
inline U8 Part(U8 from) {
  return EachReg<U8>(
      [&from](int i) { return wasm_v128_and(wasm_u16x8_shr(from.reg[i], kRight), wasm_i8x16_splat(kMask)); });
}
template <int kRight, int kMask>
inline U8 WithPart(U8 u, U8 from) {
  const U8 part = Part<kRight, kMask>(from);
  return EachReg<U8>([&](int i) { return wasm_v128_or(u.reg[i], part.reg[i]); });
}
inline U8 LookUp16(U8 nibbles, const std::uint8_t* table) {
  const v128_t values = wasm_v128_load(table);
  return EachReg<U8>([&](int i) { return wasm_i8x16_swizzle(values, nibbles.reg[i]); });
}

using Quad = v128_t;
inline Quad LoadQuad(const std::int8_t* a) { return wasm_v128_load32_splat(a); }

inline I32 SetI32(std::int32_t value) {
  return EachReg<I32>([value](int) { return wasm_i32x4_splat(value); });
}
inline F32 SetF32(float value) {
  return EachReg<F32>([value](int) { return wasm_f32x4_splat(value); });
}
inline F32 ZeroF32() { return SetF32(0); }
inline F32 ToF32(I32 value) {
  return EachReg<F32>([&value](int i) { return wasm_f32x4_convert_i32x4(value.reg[i]); });
}
inline F32 Add(F32 a, F32 b) {
  return EachReg<F32>([&](int i) { return wasm_f32x4_add(a.reg[i], b.reg[i]); });
}
inline F32 Mul(F32 a, F32 b) {
  return EachReg<F32>([&](int i) { return wasm_f32x4_mul(a.reg[i], b.reg[i]); });
}
inline F32 Fma(F32 a, F32 b, F32 c) {
  return EachReg<F32>([&](int i) { return MulAdd(a.reg[i], b.reg[i], c.reg[i]); });
}
inline F32 NegFma(F32 a, F32 b, F32 c) {
  return EachReg<F32>([&](int i) { return NegMulAdd(a.reg[i], b.reg[i], c.reg[i]); });
}
inline F32 LoadF32(const float* p) {
  return EachReg<F32>([p](int i) { return wasm_v128_load(p + 4 * i); });
}
inline void StoreF32(float* p, F32 value) {
  for (int i = 0; i < kRegs; ++i) wasm_v128_store(p + 4 * i, value.reg[i]);
}
inline void StorePart(float* p, F32 value, int count) {
  float lanes[kLanes];
  StoreF32(lanes, value);
  for (int i = 0; i < count; ++i) p[i] = lanes[i];
}
inline F32 LoadPart(const float* p, int count) {
  float lanes[kLanes] = {};
  for (int i = 0; i < count; ++i) lanes[i] = p[i];
  return LoadF32(lanes);
}
inline F32 LoadF16AsF32(const std::byte* p) {
  return EachReg<F32>([p](int i) { return HalvesToFloats(wasm_u32x4_load16x4(p + 8 * i)); });
}
inline F32 LoadU8AsF32(const std::byte* p) {
  return EachReg<F32>([p](int i) {
    const v128_t bytes = wasm_v128_load32_zero(p + 4 * i);
    return wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(bytes)));
  });
}
inline F32 LoadS8AsF32(const std::byte* p) {
  return EachReg<F32>([p](int i) {
    const v128_t bytes = wasm_v128_load32_zero(p + 4 * i);
    return wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(wasm_i16x8_extend_low_i8x16(bytes)));
  });
}
