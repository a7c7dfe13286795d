// SPDX-License-Identifier: Apache-2.0
// The float vocabulary over NEON registers; float_portable.inl says what each name promises. Half floats are converted
// by instructions that every 64-bit ARM has; only arithmetic on them is younger.

constexpr int kF32Lanes = 4;
constexpr int kGemmT = 4;  // register tile: 4 x 4 sums, 4 weights, 1 activation
constexpr int kGemmN = 4;
typedef float F32 __attribute__((vector_size(16)));
typedef std::int32_t I32 __attribute__((vector_size(16)));

inline F32 Fma(F32 a, F32 b, F32 c) {
  return reinterpret_cast<F32>(
      vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)));
}
inline F32 LoadHalf(const std::uint16_t* p) {
  return reinterpret_cast<F32>(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))));
}
inline void StoreHalf(std::uint16_t* p, F32 value) {
  vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(reinterpret_cast<float32x4_t>(value))));
}
