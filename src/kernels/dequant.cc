// SPDX-License-Identifier: Apache-2.0
#include "kernels/dequant.h"

#include "base/half.h"
#include "kernels/formats.h"
#include "kernels/iq_grids.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace thimble::kernels {

namespace {

using Byte = std::uint8_t;

template <typename T>
T Load(const Byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
float Half(const Byte* p) { return F16ToF32(Load<std::uint16_t>(p)); }

// Each XBlock widens one block at p into out; layouts are those of spec section 10.

void F32Block(const Byte* p, float* out) { *out = Load<float>(p); }
void F16Block(const Byte* p, float* out) { *out = Half(p); }
void BF16Block(const Byte* p, float* out) { *out = BF16ToF32(Load<std::uint16_t>(p)); }

// Nibble order of all 32-element types: element j in the low nibble of byte j, element j + 16 in the high one.
template <typename F>
void EachNibble(const Byte* qs, float* out, const F& value) {
  for (int j = 0; j < 16; ++j) {
    out[j] = value(qs[j] & 15, j);
    out[j + 16] = value(qs[j] >> 4, j + 16);
  }
}

void Q40Block(const Byte* p, float* out) {
  const float d = Half(p);
  EachNibble(p + 2, out, [d](int q, int) { return static_cast<float>(q - 8) * d; });
}
void Q41Block(const Byte* p, float* out) {
  const float d = Half(p);
  const float m = Half(p + 2);
  EachNibble(p + 4, out, [d, m](int q, int) { return static_cast<float>(q) * d + m; });
}
void Q50Block(const Byte* p, float* out) {
  const float d = Half(p);
  const auto high = Load<std::uint32_t>(p + 2);
  EachNibble(p + 6, out, [d, high](int q, int j) {
    return static_cast<float>((q | static_cast<int>((high >> j) & 1u) << 4) - 16) * d;
  });
}
void Q51Block(const Byte* p, float* out) {
  const float d = Half(p);
  const float m = Half(p + 2);
  const auto high = Load<std::uint32_t>(p + 4);
  EachNibble(p + 8, out, [d, m, high](int q, int j) {
    return static_cast<float>(q | static_cast<int>((high >> j) & 1u) << 4) * d + m;
  });
}
void Q80Block(const Byte* p, float* out) {
  const float d = Half(p);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(static_cast<std::int8_t>(p[2 + j])) * d;
}
void Iq4NlBlock(const Byte* p, float* out) {
  const float d = Half(p);
  EachNibble(p + 2, out, [d](int q, int) { return d * static_cast<float>(kL4Values[q]); });
}

// Twice the values of FP4 E2M1.
constexpr int kFp4Doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void Mxfp4Block(const Byte* p, float* out) {
  const float d = std::ldexp(1.0F, static_cast<int>(p[0]) - 128);
  EachNibble(p + 1, out, [d](int q, int) { return d * static_cast<float>(kFp4Doubled[q]); });
}

// UE4M3: unsigned 8-bit float, 4 exponent bits (bias 7), 3 mantissa bits; 0x7F is not a number and counts as zero.
float Ue4m3(Byte bits) {
  if (bits == 0 || bits == 0x7F) return 0.0F;
  const int exponent = (bits >> 3) & 15;
  const auto mantissa = static_cast<float>(bits & 7);
  if (exponent == 0) return std::ldexp(mantissa, -9);
  return std::ldexp(1.0F + mantissa / 8.0F, exponent - 7);
}
void Nvfp4Block(const Byte* p, float* out) {
  for (int sub = 0; sub < 4; ++sub) {
    const float d = Ue4m3(p[sub]) * 0.5F;
    const Byte* qs = p + 4 + 8 * sub;
    for (int j = 0; j < 8; ++j) {
      out[16 * sub + j] = d * static_cast<float>(kFp4Doubled[qs[j] & 15]);
      out[16 * sub + 8 + j] = d * static_cast<float>(kFp4Doubled[qs[j] >> 4]);
    }
  }
}

void Q2KBlock(const Byte* p, float* out) {
  const Byte* scales = p;
  const float d = Half(p + 80);
  const float dmin = Half(p + 82);
  int group = 0;
  for (int half = 0; half < 2; ++half) {
    const Byte* qs = p + 16 + 32 * half;
    for (int shift = 0; shift < 8; shift += 2) {
      for (int part = 0; part < 2; ++part, ++group) {
        const float scale = d * static_cast<float>(scales[group] & 15);
        const float min = dmin * static_cast<float>(scales[group] >> 4);
        for (int l = 0; l < 16; ++l) *out++ = scale * static_cast<float>((qs[16 * part + l] >> shift) & 3) - min;
      }
    }
  }
}

void Q3KBlock(const Byte* p, float* out) {
  const Byte* hmask = p;
  const Byte* packed = p + 96;
  const float d = Half(p + 108);
  int group = 0;
  for (int half = 0; half < 2; ++half) {
    const Byte* qs = p + 32 + 32 * half;
    for (int shift = 0; shift < 4; ++shift) {
      for (int part = 0; part < 2; ++part, ++group) {
        const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
        const int high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
        const float scale = d * static_cast<float>((low | high << 4) - 32);
        for (int l = 16 * part; l < 16 * part + 16; ++l) {
          const int bit = (hmask[l] >> (4 * half + shift)) & 1;
          *out++ = scale * static_cast<float>(((qs[l] >> (2 * shift)) & 3) - (bit != 0 ? 0 : 4));
        }
      }
    }
  }
}

// Six-bit scale and minimum of group j of Q4_K and Q5_K.
void KScale(const Byte* scales, int j, int* scale, int* min) {
  if (j < 4) {
    *scale = scales[j] & 63;
    *min = scales[j + 4] & 63;
  } else {
    *scale = (scales[j + 4] & 15) | ((scales[j - 4] >> 6) << 4);
    *min = (scales[j + 4] >> 4) | ((scales[j] >> 6) << 4);
  }
}

void Q4KBlock(const Byte* p, float* out) {
  const float d = Half(p);
  const float dmin = Half(p + 2);
  for (int group = 0; group < 8; ++group) {
    int sc = 0;
    int mn = 0;
    KScale(p + 4, group, &sc, &mn);
    const float scale = d * static_cast<float>(sc);
    const float min = dmin * static_cast<float>(mn);
    const Byte* qs = p + 16 + 32 * (group / 2);
    for (int l = 0; l < 32; ++l) *out++ = scale * static_cast<float>((qs[l] >> (4 * (group % 2))) & 15) - min;
  }
}

void Q5KBlock(const Byte* p, float* out) {
  const float d = Half(p);
  const float dmin = Half(p + 2);
  const Byte* high = p + 16;
  for (int group = 0; group < 8; ++group) {
    int sc = 0;
    int mn = 0;
    KScale(p + 4, group, &sc, &mn);
    const float scale = d * static_cast<float>(sc);
    const float min = dmin * static_cast<float>(mn);
    const Byte* qs = p + 48 + 32 * (group / 2);
    for (int l = 0; l < 32; ++l) {
      const int q = ((qs[l] >> (4 * (group % 2))) & 15) | (((high[l] >> group) & 1) << 4);
      *out++ = scale * static_cast<float>(q) - min;
    }
  }
}

void Q6KBlock(const Byte* p, float* out) {
  const float d = Half(p + 208);
  for (int half = 0; half < 2; ++half) {
    const Byte* ql = p + 64 * half;
    const Byte* qh = p + 128 + 32 * half;
    const Byte* scales = p + 192 + 8 * half;
    for (int quarter = 0; quarter < 4; ++quarter) {
      for (int l = 0; l < 32; ++l) {
        const int low = (ql[l + 32 * (quarter % 2)] >> (4 * (quarter / 2))) & 15;
        const int q = (low | ((qh[l] >> (2 * quarter)) & 3) << 4) - 32;
        const float scale = d * static_cast<float>(static_cast<std::int8_t>(scales[l / 16 + 2 * quarter]));
        *out++ = scale * static_cast<float>(q);
      }
    }
  }
}

void Iq4XsBlock(const Byte* p, float* out) {
  const float d = Half(p);
  const auto high = Load<std::uint16_t>(p + 2);
  for (int group = 0; group < 8; ++group) {
    const int low = (p[4 + group / 2] >> (4 * (group % 2))) & 15;
    const float scale = d * static_cast<float>((low | ((high >> (2 * group)) & 3) << 4) - 32);
    EachNibble(p + 8 + 16 * group, out + 32 * group,
               [scale](int q, int) { return scale * static_cast<float>(kL4Values[q]); });
  }
}

// A sign index of 7 bits stands for 8 signs: the eighth makes their number even.
unsigned SignsOf(unsigned index) { return index | (static_cast<unsigned>(std::popcount(index)) & 1u) << 7; }

template <typename Word>
void PutGrid(Word entry, unsigned signs, float scale, float* out) {
  for (unsigned j = 0; j < sizeof(Word); ++j) {
    const auto value = static_cast<float>((entry >> (8 * j)) & 255u);
    out[j] = scale * value * ((signs >> j & 1u) != 0 ? -1.0F : 1.0F);
  }
}

void Iq2XxsBlock(const Byte* p, float* out) {
  const float d = Half(p);
  for (int group = 0; group < 8; ++group) {
    const Byte* indices = p + 2 + 8 * group;
    const auto word = Load<std::uint32_t>(indices + 4);
    const float scale = d * (0.5F + static_cast<float>(word >> 28)) * 0.25F;
    for (int l = 0; l < 4; ++l) {
      PutGrid(kIq2XxsGrid[indices[l]], SignsOf((word >> (7 * l)) & 127u), scale, out + 32 * group + 8 * l);
    }
  }
}

void Iq2XsBlock(const Byte* p, float* out) {
  const float d = Half(p);
  for (int l = 0; l < 32; ++l) {
    const auto q = Load<std::uint16_t>(p + 2 + 2 * l);
    const int nibble = (p[66 + l / 4] >> (l % 4 < 2 ? 0 : 4)) & 15;
    const float scale = d * (0.5F + static_cast<float>(nibble)) * 0.25F;
    PutGrid(kIq2XsGrid[q & 511u], SignsOf(q >> 9), scale, out + 8 * l);
  }
}

void Iq2SBlock(const Byte* p, float* out) {
  const float d = Half(p);
  for (int l = 0; l < 32; ++l) {
    const unsigned index = p[2 + l] | (p[66 + l / 4] >> (2 * (l % 4)) & 3u) << 8;
    const int nibble = (p[74 + l / 4] >> (l % 4 < 2 ? 0 : 4)) & 15;
    const float scale = d * (0.5F + static_cast<float>(nibble)) * 0.25F;
    PutGrid(kIq2SGrid[index], p[34 + l], scale, out + 8 * l);
  }
}

void Iq3XxsBlock(const Byte* p, float* out) {
  const float d = Half(p);
  for (int group = 0; group < 8; ++group) {
    const auto word = Load<std::uint32_t>(p + 66 + 4 * group);
    const float scale = d * (0.5F + static_cast<float>(word >> 28)) * 0.5F;
    for (int m = 0; m < 8; ++m) {
      const unsigned signs = SignsOf((word >> (7 * (m / 2))) & 127u) >> (4 * (m % 2));
      PutGrid(kIq3XxsGrid[p[2 + 8 * group + m]], signs, scale, out + 32 * group + 4 * m);
    }
  }
}

void Iq3SBlock(const Byte* p, float* out) {
  const float d = Half(p);
  for (int group = 0; group < 8; ++group) {
    const int nibble = (p[106 + group / 2] >> (4 * (group % 2))) & 15;
    const float scale = d * static_cast<float>(1 + 2 * nibble);
    for (int m = 0; m < 8; ++m) {
      const unsigned index = p[2 + 8 * group + m] | (p[66 + group] >> m & 1u) << 8;
      const unsigned signs = static_cast<unsigned>(p[74 + 4 * group + m / 2]) >> (4 * (m % 2));
      PutGrid(kIq3SGrid[index], signs, scale, out + 32 * group + 4 * m);
    }
  }
}

constexpr float kIq1Delta = 0.125F;

void PutTernary(std::uint64_t entry, float scale, float delta, float* out) {
  for (unsigned j = 0; j < 8; ++j) {
    out[j] = scale * (static_cast<float>(static_cast<std::int8_t>(entry >> (8 * j) & 255u)) + delta);
  }
}

void Iq1SBlock(const Byte* p, float* out) {
  const float d = Half(p);
  for (int group = 0; group < 8; ++group) {
    const auto qh = Load<std::uint16_t>(p + 34 + 2 * group);
    const float scale = d * static_cast<float>(2 * ((qh >> 12) & 7) + 1);
    const float delta = (qh & 0x8000u) != 0 ? -kIq1Delta : kIq1Delta;
    for (int l = 0; l < 4; ++l) {
      const unsigned index = p[2 + 4 * group + l] | (static_cast<unsigned>(qh) >> (3 * l) & 7u) << 8;
      PutTernary(kIq1SGrid[index], scale, delta, out + 32 * group + 8 * l);
    }
  }
}

void Iq1MBlock(const Byte* p, float* out) {
  std::uint16_t words[4];
  std::memcpy(words, p + 48, 8);
  unsigned half = 0;
  for (unsigned i = 0; i < 4; ++i) half |= static_cast<unsigned>(words[i] >> 12) << (4 * i);
  const float d = F16ToF32(static_cast<std::uint16_t>(half));
  for (int group = 0; group < 8; ++group) {
    for (int l = 0; l < 4; ++l) {
      const int shift = 6 * (group % 2) + (l < 2 ? 0 : 3);
      const float scale = d * static_cast<float>(2 * ((words[group / 2] >> shift) & 7) + 1);
      const unsigned nibble = static_cast<unsigned>(p[32 + 2 * group + l / 2]) >> (4 * (l % 2)) & 15u;
      const unsigned index = p[4 * group + l] | (nibble & 7u) << 8;
      PutTernary(kIq1SGrid[index], scale, (nibble & 8u) != 0 ? -kIq1Delta : kIq1Delta, out + 32 * group + 8 * l);
    }
  }
}

// TQ1_0: five base-3 digits a byte, most significant first: digit i of byte b is ((b * 3^i mod 256) * 3) >> 8.
int Digit(Byte packed, int digit) {
  static constexpr unsigned kPowers[5] = {1, 3, 9, 27, 81};
  const auto shifted = static_cast<Byte>(packed * kPowers[digit]);
  return (static_cast<int>(shifted) * 3) >> 8;
}
void Tq10Block(const Byte* p, float* out) {
  const float d = Half(p + 52);
  const auto put = [&](Byte byte, int digit) { *out++ = d * static_cast<float>(Digit(byte, digit) - 1); };
  for (int digit = 0; digit < 5; ++digit) {
    for (int j = 0; j < 32; ++j) put(p[j], digit);
  }
  for (int digit = 0; digit < 5; ++digit) {
    for (int j = 32; j < 48; ++j) put(p[j], digit);
  }
  for (int digit = 0; digit < 4; ++digit) {
    for (int j = 48; j < 52; ++j) put(p[j], digit);
  }
}
void Tq20Block(const Byte* p, float* out) {
  const float d = Half(p + 64);
  for (int half = 0; half < 2; ++half) {
    for (int shift = 0; shift < 8; shift += 2) {
      for (int j = 0; j < 32; ++j) *out++ = d * static_cast<float>(((p[32 * half + j] >> shift) & 3) - 1);
    }
  }
}

template <DType kType, void (*kBlock)(const Byte*, float*)>
void Rows(const std::byte* blocks, std::int64_t cols, float* out) {
  constexpr DTypeTraits kTraits = TraitsOf(kType);
  const auto* p = reinterpret_cast<const Byte*>(blocks);
  for (std::int64_t i = 0; i < cols; i += kTraits.block_length, p += kTraits.block_bytes) kBlock(p, out + i);
}

}  // namespace

RowToFloatFn RowToFloat(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return &Rows<DType::kF32, F32Block>;
    case DType::kF16:
      return &Rows<DType::kF16, F16Block>;
    case DType::kBF16:
      return &Rows<DType::kBF16, BF16Block>;
    case DType::kQ4_0:
      return &Rows<DType::kQ4_0, Q40Block>;
    case DType::kQ4_1:
      return &Rows<DType::kQ4_1, Q41Block>;
    case DType::kQ5_0:
      return &Rows<DType::kQ5_0, Q50Block>;
    case DType::kQ5_1:
      return &Rows<DType::kQ5_1, Q51Block>;
    case DType::kQ8_0:
      return &Rows<DType::kQ8_0, Q80Block>;
    case DType::kQ2_K:
      return &Rows<DType::kQ2_K, Q2KBlock>;
    case DType::kQ3_K:
      return &Rows<DType::kQ3_K, Q3KBlock>;
    case DType::kQ4_K:
      return &Rows<DType::kQ4_K, Q4KBlock>;
    case DType::kQ5_K:
      return &Rows<DType::kQ5_K, Q5KBlock>;
    case DType::kQ6_K:
      return &Rows<DType::kQ6_K, Q6KBlock>;
    case DType::kIQ2_XXS:
      return &Rows<DType::kIQ2_XXS, Iq2XxsBlock>;
    case DType::kIQ2_XS:
      return &Rows<DType::kIQ2_XS, Iq2XsBlock>;
    case DType::kIQ2_S:
      return &Rows<DType::kIQ2_S, Iq2SBlock>;
    case DType::kIQ3_XXS:
      return &Rows<DType::kIQ3_XXS, Iq3XxsBlock>;
    case DType::kIQ3_S:
      return &Rows<DType::kIQ3_S, Iq3SBlock>;
    case DType::kIQ1_S:
      return &Rows<DType::kIQ1_S, Iq1SBlock>;
    case DType::kIQ1_M:
      return &Rows<DType::kIQ1_M, Iq1MBlock>;
    case DType::kIQ4_NL:
      return &Rows<DType::kIQ4_NL, Iq4NlBlock>;
    case DType::kIQ4_XS:
      return &Rows<DType::kIQ4_XS, Iq4XsBlock>;
    case DType::kTQ1_0:
      return &Rows<DType::kTQ1_0, Tq10Block>;
    case DType::kTQ2_0:
      return &Rows<DType::kTQ2_0, Tq20Block>;
    case DType::kMXFP4:
      return &Rows<DType::kMXFP4, Mxfp4Block>;
    case DType::kNVFP4:
      return &Rows<DType::kNVFP4, Nvfp4Block>;
  }
  return nullptr;
}

}  // namespace thimble::kernels
