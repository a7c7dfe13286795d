// SPDX-License-Identifier: Apache-2.0
// The AVX-512 intrinsics that our kernels use, as plain loops, so that the AVX-512 text is compiled and tested on
// machines without it. A test includes this in place of <immintrin.h>; results are the same to the bit, since every
// operation is exactly rounded. Each is a call: inlined, they would keep compilers busy for minutes.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace emulated {

struct M512i {
  alignas(64) std::uint8_t bytes[64];
};
struct M512 {
  alignas(64) float lanes[16];
};

template <typename T, typename F>
[[gnu::noinline]] M512i Each(const M512i& a, const M512i& b, F f) {
  constexpr int kCount = 64 / sizeof(T);
  T x[kCount];
  T y[kCount];
  std::memcpy(x, a.bytes, 64);
  std::memcpy(y, b.bytes, 64);
  for (int i = 0; i < kCount; ++i) x[i] = static_cast<T>(f(x[i], y[i]));
  M512i out;
  std::memcpy(out.bytes, x, 64);
  return out;
}
template <typename T>
[[gnu::noinline]] M512i Same(T value) {
  M512i out;
  for (std::size_t i = 0; i < 64; i += sizeof(T)) std::memcpy(out.bytes + i, &value, sizeof(T));
  return out;
}
template <typename F>
[[gnu::noinline]] M512 EachLane(F f) {
  M512 out;
  for (int i = 0; i < 16; ++i) out.lanes[i] = f(i);
  return out;
}
inline std::int32_t Lane(const M512i& a, int i) {
  std::int32_t value;
  std::memcpy(&value, a.bytes + 4 * i, 4);
  return value;
}

[[gnu::noinline]] inline M512i LoadInt(const void* p) {
  M512i out;
  std::memcpy(out.bytes, p, 64);
  return out;
}
[[gnu::noinline]] inline M512i TernaryLogic(const M512i& a, const M512i& b, const M512i& c, int table) {
  M512i out;
  for (int i = 0; i < 64; ++i) {
    unsigned byte = 0;
    for (int bit = 0; bit < 8; ++bit) {
      const int index = ((a.bytes[i] >> bit) & 1) << 2 | ((b.bytes[i] >> bit) & 1) << 1 | ((c.bytes[i] >> bit) & 1);
      byte |= static_cast<unsigned>((table >> index) & 1) << bit;
    }
    out.bytes[i] = static_cast<std::uint8_t>(byte);
  }
  return out;
}
[[gnu::noinline]] inline M512i Shuffle(const M512i& table, const M512i& index) {
  M512i out;
  for (int i = 0; i < 64; ++i) {
    out.bytes[i] = (index.bytes[i] & 0x80) != 0 ? std::uint8_t{0} : table.bytes[(i & 48) + (index.bytes[i] & 15)];
  }
  return out;
}
[[gnu::noinline]] inline M512i DotBytes(const M512i& acc, const M512i& u, const M512i& s) {
  M512i out;
  for (int i = 0; i < 16; ++i) {
    std::int32_t sum = Lane(acc, i);
    for (int j = 0; j < 4; ++j)
      sum += static_cast<std::int32_t>(u.bytes[4 * i + j]) * static_cast<std::int8_t>(s.bytes[4 * i + j]);
    std::memcpy(out.bytes + 4 * i, &sum, 4);
  }
  return out;
}
template <typename T>
[[gnu::noinline]] M512i WidenBytes(__m128i packed) {
  T small[16];
  std::memcpy(small, &packed, 16);
  M512i out;
  for (int i = 0; i < 16; ++i) {
    const std::int32_t wide = small[i];
    std::memcpy(out.bytes + 4 * i, &wide, 4);
  }
  return out;
}
[[gnu::noinline]] inline M512i Broadcast128(__m128i block) {
  M512i out;
  for (int i = 0; i < 4; ++i) std::memcpy(out.bytes + 16 * i, &block, 16);
  return out;
}
[[gnu::noinline]] inline M512 FromHalf(__m256i halves) {
  std::uint16_t bits[16];
  std::memcpy(bits, &halves, 32);
  return EachLane([&](int i) { return _cvtsh_ss(bits[i]); });
}
[[gnu::noinline]] inline M512 LoadFloat(const float* p) {
  return EachLane([p](int i) { return p[i]; });
}
[[gnu::noinline]] inline void MaskStore(float* p, unsigned mask, const M512& value) {
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i & 1u) != 0) p[i] = value.lanes[i];
  }
}

}  // namespace emulated

#define __m512i ::emulated::M512i
#define __m512 ::emulated::M512
#define __mmask16 unsigned short
#define _mm512_loadu_si512(p) ::emulated::LoadInt(p)
#define _mm512_storeu_si512(p, v) std::memcpy((p), (v).bytes, 64)
#define _mm512_set1_epi8(x) ::emulated::Same<std::int8_t>(static_cast<std::int8_t>(x))
#define _mm512_set1_epi16(x) ::emulated::Same<std::int16_t>(static_cast<std::int16_t>(x))
#define _mm512_set1_epi32(x) ::emulated::Same<std::int32_t>(x)
#define _mm512_and_si512(a, b) ::emulated::Each<std::uint8_t>(a, b, [](int x, int y) { return x & y; })
#define _mm512_add_epi16(a, b) ::emulated::Each<std::uint16_t>(a, b, [](int x, int y) { return x + y; })
#define _mm512_mullo_epi16(a, b) ::emulated::Each<std::uint16_t>(a, b, [](unsigned x, unsigned y) { return x * y; })
#undef _mm512_slli_epi16  // without optimisation GCC has these as macros
#undef _mm512_srli_epi16
#define _mm512_slli_epi16(a, n) ::emulated::Each<std::uint16_t>(a, a, [](int x, int) { return x << (n); })
#define _mm512_srli_epi16(a, n) ::emulated::Each<std::uint16_t>(a, a, [](int x, int) { return x >> (n); })
#undef _mm512_ternarylogic_epi32  // clang has it as a macro
#define _mm512_ternarylogic_epi32(a, b, c, t) ::emulated::TernaryLogic(a, b, c, t)
#define _mm512_shuffle_epi8(t, i) ::emulated::Shuffle(t, i)
#define _mm512_broadcast_i32x4(x) ::emulated::Broadcast128(x)
#define _mm512_dpbusd_epi32(acc, u, s) ::emulated::DotBytes(acc, u, s)
#define _mm512_cvtepu8_epi32(x) ::emulated::WidenBytes<std::uint8_t>(x)
#define _mm512_cvtepi8_epi32(x) ::emulated::WidenBytes<std::int8_t>(x)
#define _mm512_cvtepi32_ps(a)                                                                       \
  [](const ::emulated::M512i& v) {                                                                  \
    return ::emulated::EachLane([&](int i) { return static_cast<float>(::emulated::Lane(v, i)); }); \
  }(a)
#define _mm512_cvtph_ps(x) ::emulated::FromHalf(x)
#define _mm512_setzero_ps() ::emulated::EachLane([](int) { return 0.0F; })
#define _mm512_set1_ps(x) [](float v) { return ::emulated::EachLane([v](int) { return v; }); }(x)
#define THIMBLE_EMULATED_LANES(a, b, c, expression)                                             \
  [](const ::emulated::M512& x, const ::emulated::M512& y, const ::emulated::M512& z) {         \
    return ::emulated::EachLane([&]([[maybe_unused]] int i) { return (void)z, (expression); }); \
  }(a, b, c)
#define _mm512_add_ps(a, b) THIMBLE_EMULATED_LANES(a, b, a, x.lanes[i] + y.lanes[i])
#define _mm512_mul_ps(a, b) THIMBLE_EMULATED_LANES(a, b, a, x.lanes[i] * y.lanes[i])
#define _mm512_fmadd_ps(a, b, c) THIMBLE_EMULATED_LANES(a, b, c, std::fma(x.lanes[i], y.lanes[i], z.lanes[i]))
#define _mm512_fnmadd_ps(a, b, c) THIMBLE_EMULATED_LANES(a, b, c, std::fma(-x.lanes[i], y.lanes[i], z.lanes[i]))
#define _mm512_loadu_ps(p) ::emulated::LoadFloat(p)
#define _mm512_storeu_ps(p, v) ::emulated::MaskStore(p, 0xFFFFu, v)
#define _mm512_mask_storeu_ps(p, m, v) ::emulated::MaskStore(p, m, v)
#define _mm512_maskz_loadu_ps(m, p)                                                             \
  [](unsigned mask, const float* from) {                                                        \
    return ::emulated::EachLane([&](int i) { return (mask >> i & 1u) != 0 ? from[i] : 0.0F; }); \
  }(m, p)
