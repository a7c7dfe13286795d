// SPDX-License-Identifier: Apache-2.0
// The packed kernels' vocabulary over NEON registers, all but the dot step (DotSum), which differs between processors.
// Included inside an instruction set's namespace; packed_scalar.inl says what each name promises.
//
// A vector is kRegs registers of four rows each. Eight rows a vector let every load of activations serve two dot
// instructions while a block's codes (8 steps x 2) still fit the 32 registers.

constexpr int kRegs = 2;
constexpr int kLanes = 4 * kRegs;

struct U8 {
  uint8x16_t reg[kRegs];
};
struct I32 {
  int32x4_t reg[kRegs];
};
struct F32 {
  float32x4_t reg[kRegs];
};
// f(register index) for each register of a vector.
template <typename V, typename F>
inline V EachReg(const F& f) {
  V out;
  for (int i = 0; i < kRegs; ++i) out.reg[i] = f(i);
  return out;
}

inline U8 LoadCodes(const std::uint8_t* p) {
  return EachReg<U8>([p](int i) { return vld1q_u8(p + 16 * i); });
}
inline void StoreCodes(std::uint8_t* p, U8 u) {
  for (int i = 0; i < kRegs; ++i) vst1q_u8(p + 16 * i, u.reg[i]);
}
inline U8 LowNibbles(U8 u) {
  return EachReg<U8>([&u](int i) { return vandq_u8(u.reg[i], vdupq_n_u8(0x0F)); });
}
inline U8 HighNibbles(U8 u) {
  return EachReg<U8>([&u](int i) { return vshrq_n_u8(u.reg[i], 4); });
}
template <int kBits>
inline U8 LowBits(U8 u) {
  return EachReg<U8>([&u](int i) { return vandq_u8(u.reg[i], vdupq_n_u8((1 << kBits) - 1)); });
}
template <int kRight, int kMask>
inline U8 Part(U8 from) {
  constexpr bool kIsTop = (kMask | (kMask - 1)) == 0xFF >> kRight;  // the shift leaves nothing above
  return EachReg<U8>([&from](int i) {
    const uint8x16_t moved = vshrq_n_u8(from.reg[i], kRight);
    return kIsTop ? moved : vandq_u8(moved, vdupq_n_u8(kMask));
  });
}
// "Shift right and insert" replaces all bits from the piece's highest down.
template <int kRight, int kMask>
inline U8 WithPart(U8 u, U8 from) {
  return EachReg<U8>([&](int i) { return vsriq_n_u8(u.reg[i], from.reg[i], kRight); });
}
inline U8 LookUp16(U8 nibbles, const std::uint8_t* table) {
  const uint8x16_t values = vld1q_u8(table);
  return EachReg<U8>([&](int i) { return vqtbl1q_u8(values, nibbles.reg[i]); });
}
// Codes below 128 are the same number signed; full ones become code - 128.
template <int kBits>
inline int8x16_t SignedCodes(uint8x16_t u) {
  return vreinterpretq_s8_u8(kBits == 8 ? veorq_u8(u, vdupq_n_u8(0x80)) : u);
}

inline I32 SetI32(std::int32_t value) {
  return EachReg<I32>([value](int) { return vdupq_n_s32(value); });
}
inline F32 SetF32(float value) {
  return EachReg<F32>([value](int) { return vdupq_n_f32(value); });
}
inline F32 ZeroF32() { return SetF32(0); }
inline F32 ToF32(I32 value) {
  return EachReg<F32>([&value](int i) { return vcvtq_f32_s32(value.reg[i]); });
}
inline F32 Add(F32 a, F32 b) {
  return EachReg<F32>([&](int i) { return vaddq_f32(a.reg[i], b.reg[i]); });
}
inline F32 Mul(F32 a, F32 b) {
  return EachReg<F32>([&](int i) { return vmulq_f32(a.reg[i], b.reg[i]); });
}
inline F32 Fma(F32 a, F32 b, F32 c) {
  return EachReg<F32>([&](int i) { return vfmaq_f32(c.reg[i], a.reg[i], b.reg[i]); });
}
inline F32 NegFma(F32 a, F32 b, F32 c) {
  return EachReg<F32>([&](int i) { return vfmsq_f32(c.reg[i], a.reg[i], b.reg[i]); });
}
inline F32 LoadF32(const float* p) {
  return EachReg<F32>([p](int i) { return vld1q_f32(p + 4 * i); });
}
inline void StoreF32(float* p, F32 value) {
  for (int i = 0; i < kRegs; ++i) vst1q_f32(p + 4 * i, value.reg[i]);
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
  return EachReg<F32>([p](int i) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(reinterpret_cast<const std::uint8_t*>(p) + 8 * i)));
  });
}
// Registers 0 and 1 widen the first eight bytes, 2 and 3 the second.
inline F32 LoadU8AsF32(const std::byte* p) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(p);
  return EachReg<F32>([bytes](int i) {
    const uint16x8_t wide = vmovl_u8(vld1_u8(bytes + i / 2 * 8));
    return vcvtq_f32_u32(i % 2 == 0 ? vmovl_u16(vget_low_u16(wide)) : vmovl_high_u16(wide));
  });
}
inline F32 LoadS8AsF32(const std::byte* p) {
  const auto* bytes = reinterpret_cast<const std::int8_t*>(p);
  return EachReg<F32>([bytes](int i) {
    const int16x8_t wide = vmovl_s8(vld1_s8(bytes + i / 2 * 8));
    return vcvtq_f32_s32(i % 2 == 0 ? vmovl_s16(vget_low_s16(wide)) : vmovl_high_s16(wide));
  });
}
