// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over NEON registers; float_portable.inl says what each name promises.

constexpr int kF32Lanes = 4;
constexpr int kGemmT = 4;
constexpr int kGemmN = 6;
constexpr int kAddT = 4;
constexpr int kAddVectors = 4;
typedef float F32 __attribute__((vector_size(16)));
typedef std::int32_t I32 __attribute__((vector_size(16)));

inline F32 Set(float value) { return reinterpret_cast<F32>(vdupq_n_f32(value)); }
inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
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
inline F32 LoadBf16(const std::uint16_t* p) { return reinterpret_cast<F32>(vshlq_n_u32(vmovl_u16(vld1_u16(p)), 16)); }
inline F32 LoadCodes(const std::int8_t* p) {
  std::int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  const int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
  return reinterpret_cast<F32>(vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))));
}
inline F32 LoadHalf(const std::uint16_t* p) {
  return reinterpret_cast<F32>(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))));
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(reinterpret_cast<float32x4_t>(value))));
}
