// SPDX-License-Identifier: Apache-2.0
// Float32 kernels over a vocabulary of vectors (isa/float_*.inl). Included inside an instruction set's namespace.

inline F32 Load(const float* p) {
  F32 value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
inline void Store(float* p, F32 value) { __builtin_memcpy(p, &value, sizeof value); }
// Adds the lanes of kCount vectors: afterwards lane i of the first ones is the sum of what v[i] was. The order is
// fixed: lanes are added in halves, 0 + 4, 1 + 5 ... of eight.
template <int kGroup, int kCount>
inline void FoldAll(F32* v) {
  if constexpr (kGroup > 1) {
    constexpr int kHalf = (kCount + 1) / 2;
    for (int i = 0; i < kHalf; ++i) v[i] = Fold<kGroup>(v[2 * i], v[2 * i + 1 < kCount ? 2 * i + 1 : 2 * i]);
    FoldAll<kGroup / 2, kHalf>(v);
  } else {
    for (int i = 0; i < kCount; ++i) v[i] = Ordered(v[i]);
  }
}
inline float SumOf(F32 v) {
  FoldAll<kF32Lanes, 1>(&v);
  return v[0];
}
inline F32 Select(I32 mask, F32 a, F32 b) {
  return reinterpret_cast<F32>((mask & reinterpret_cast<I32>(a)) | (~mask & reinterpret_cast<I32>(b)));
}
// The second one where either is not a number.
inline F32 Larger(F32 a, F32 b) { return a > b ? a : b; }
inline F32 Smaller(F32 a, F32 b) { return a < b ? a : b; }

// e^x to about one unit in the last place: x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 7.
// Below -87.3 the result is 0 or the smallest normal number's neighbourhood, above 88.3 it is held there.
inline F32 Exp(F32 x) {
  const F32 clamped = Smaller(Set(88.3F), Larger(Set(-87.3F), x));
  const F32 shifted = Fma(clamped, Set(1.44269504F), Set(12582912.0F));  // 1.5 * 2^23: rounds to an integer
  const F32 n = shifted - Set(12582912.0F);
  const F32 r =
      Fma(n, Set(-1.42860682e-6F), Fma(n, Set(-0.693145752F), clamped));  // ln 2 in two parts, the first exact in n *
  F32 p = Set(1.0F / 5040.0F);
  p = Fma(p, r, Set(1.0F / 720.0F));
  p = Fma(p, r, Set(1.0F / 120.0F));
  p = Fma(p, r, Set(1.0F / 24.0F));
  p = Fma(p, r, Set(1.0F / 6.0F));
  p = Fma(p, r, Set(0.5F));
  p = Fma(p * r, r, r) + Set(1.0F);
  const I32 power = (reinterpret_cast<I32>(shifted) + 127) << 23;  // the integer stands in the low bits
  const F32 value = p * reinterpret_cast<F32>(power);
  return Select(x < Set(-87.3F), F32{}, value);
}
inline F32 Sigmoid(F32 x) { return Set(1.0F) / (Set(1.0F) + Exp(-x)); }

// Applies f to whole vectors of x (and y), then once to a part. f(F32 a, F32 b) -> F32 is stored to out.
template <typename F>
inline void Map(const float* x, const float* y, std::int64_t count, float* out, const F& f) {
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) Store(out + i, f(Load(x + i), Load(y + i)));
  if (i < count) StorePart(out + i, f(LoadPart(x + i, count - i), LoadPart(y + i, count - i)), count - i);
}

void F16ToF32Row(const std::uint16_t* in, std::int64_t count, float* out) {
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) Store(out + i, LoadHalf(in + i));
  if (i < count) {
    std::uint16_t part[kF32Lanes] = {};
    for (std::int64_t j = i; j < count; ++j) part[j - i] = in[j];
    StorePart(out + i, LoadHalf(part), count - i);
  }
}
void BF16ToF32Row(const std::uint16_t* in, std::int64_t count, float* out) {
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) Store(out + i, LoadBf16(in + i));
  for (; i < count; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(in[i]) << 16;
    __builtin_memcpy(out + i, &bits, sizeof bits);
  }
}
void F32ToF16Row(const float* in, std::int64_t count, std::uint16_t* out) {
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) StoreHalf(out + i, Load(in + i));
  if (i < count) {
    std::uint16_t part[kF32Lanes];
    StoreHalf(part, LoadPart(in + i, count - i));
    for (std::int64_t j = i; j < count; ++j) out[j] = part[j - i];
  }
}

float SumOfSquares(const float* x, std::int64_t count) {
  // Four sums, since one would wait for each of its own additions.
  F32 acc[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * kF32Lanes <= count; i += 4 * kF32Lanes) {
    for (int k = 0; k < 4; ++k) {
      const F32 value = Load(x + i + k * kF32Lanes);
      acc[k] = Fma(value, value, acc[k]);
    }
  }
  for (; i + kF32Lanes <= count; i += kF32Lanes) acc[0] = Fma(Load(x + i), Load(x + i), acc[0]);
  if (i < count) {
    const F32 part = LoadPart(x + i, count - i);
    acc[1] = Fma(part, part, acc[1]);
  }
  return SumOf((acc[0] + acc[1]) + (acc[2] + acc[3]));
}
float SumRow(const float* x, std::int64_t count) {
  F32 acc{};
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) acc = acc + Load(x + i);
  if (i < count) acc = acc + LoadPart(x + i, count - i);
  return SumOf(acc);
}
float SumOfSquaredDifferences(const float* x, float mean, std::int64_t count) {
  const F32 m = Set(mean);
  F32 acc{};
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) {
    const F32 difference = Load(x + i) - m;
    acc = Fma(difference, difference, acc);
  }
  float sum = SumOf(acc);
  for (; i < count; ++i) sum += (x[i] - mean) * (x[i] - mean);
  return sum;
}
float MaxRow(const float* x, std::int64_t count) {
  float largest = x[0];
  std::int64_t i = 0;
  if (count >= kF32Lanes) {
    F32 lanes = Load(x);
    for (i = kF32Lanes; i + kF32Lanes <= count; i += kF32Lanes) lanes = Larger(Load(x + i), lanes);
    for (int lane = 0; lane < kF32Lanes; ++lane) largest = lanes[lane] > largest ? lanes[lane] : largest;
  }
  for (; i < count; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

void ScaleRow(const float* x, float factor, const float* weight, std::int64_t count, float* out) {
  const F32 f = Set(factor);
  if (weight == nullptr) {
    Map(x, x, count, out, [f](F32 a, F32) { return a * f; });
  } else {
    Map(x, weight, count, out, [f](F32 a, F32 w) { return a * f * w; });
  }
}
void NormaliseRow(const float* x, float mean, float factor, const float* weight, const float* bias, std::int64_t count,
                  float* out) {
  const F32 m = Set(mean);
  const F32 f = Set(factor);
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) {
    Store(out + i, Fma((Load(x + i) - m) * f, Load(weight + i), Load(bias + i)));
  }
  if (i < count) {
    const std::int64_t rest = count - i;
    StorePart(out + i, Fma((LoadPart(x + i, rest) - m) * f, LoadPart(weight + i, rest), LoadPart(bias + i, rest)),
              rest);
  }
}
void AddRow(float* x, const float* y, std::int64_t count) {
  Map(x, y, count, x, [](F32 a, F32 b) { return a + b; });
}
void SiluMulRow(const float* gate, const float* up, std::int64_t count, float* out) {
  Map(gate, up, count, out, [](F32 g, F32 u) { return g * Sigmoid(g) * u; });
}
void SigmoidMulRow(float* x, const float* gate, std::int64_t count) {
  Map(x, gate, count, x, [](F32 a, F32 g) { return a * Sigmoid(g); });
}
void SiluRow(float* x, std::int64_t count) {
  Map(x, x, count, x, [](F32 a, F32) { return a * Sigmoid(a); });
}
template <typename At>
[[gnu::always_inline]] inline F32 ConvolvedSilu(int taps, const At& at) {
  F32 sum = at(0);
  for (int j = 1; j < taps; ++j) sum = sum + at(j);
  return sum * Sigmoid(sum);
}
void ConvolveSilu(const float* const* x, const float* w, std::int64_t w_stride, int taps, std::int64_t count,
                  float* out) {
  std::int64_t c = 0;
  for (; c + kF32Lanes <= count; c += kF32Lanes) {
    const auto at = [&](int j) { return Load(w + j * w_stride + c) * Load(x[j] + c); };
    Store(out + c, ConvolvedSilu(taps, at));
  }
  if (c == count) return;
  const std::int64_t rest = count - c;
  const auto at = [&](int j) { return LoadPart(w + j * w_stride + c, rest) * LoadPart(x[j] + c, rest); };
  StorePart(out + c, ConvolvedSilu(taps, at), rest);
}
// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
void GeluTanhRow(float* x, std::int64_t count) {
  Map(x, x, count, x, [](F32 a, F32) { return a * Sigmoid(Set(1.5957691216F) * Fma(a * a * a, Set(0.044715F), a)); });
}
float ExpShifted(float* x, float shift, std::int64_t count) {
  const F32 s = Set(shift);
  F32 acc{};
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) {
    const F32 e = Exp(Load(x + i) - s);
    Store(x + i, e);
    acc = acc + e;
  }
  if (i < count) {
    StorePart(x + i, Exp(LoadPart(x + i, count - i) - s), count - i);
    acc = acc + LoadPart(x + i, count - i);
  }
  return SumOf(acc);
}

void DeltaStep(const float* state_in, float* state_out, const float* q, const float* k, const float* v, float decay,
               float beta, std::int64_t dk, std::int64_t dv, float* y) {
  const F32 keep = Set(decay);
  for (std::int64_t row = 0; row < dv; ++row) {
    const float* in = state_in + row * dk;
    float* out = state_out + row * dk;
    F32 memory{};
    std::int64_t i = 0;
    for (; i + kF32Lanes <= dk; i += kF32Lanes) memory = Fma(Load(in + i) * keep, Load(k + i), memory);
    if (i < dk) memory = Fma(LoadPart(in + i, dk - i) * keep, LoadPart(k + i, dk - i), memory);
    const F32 delta = Set(beta * (v[row] - SumOf(memory)));
    F32 sum{};
    for (i = 0; i + kF32Lanes <= dk; i += kF32Lanes) {
      const F32 updated = Fma(delta, Load(k + i), Load(in + i) * keep);
      Store(out + i, updated);
      sum = Fma(updated, Load(q + i), sum);
    }
    if (i < dk) {
      const F32 updated = Fma(delta, LoadPart(k + i, dk - i), LoadPart(in + i, dk - i) * keep);
      StorePart(out + i, updated, dk - i);
      sum = Fma(updated, LoadPart(q + i, dk - i), sum);
    }
    y[row] = SumOf(sum);
  }
}

void Rotate(float* x, const float* cos, const float* sin, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float first = x[i];
    const float second = x[i + half];
    x[i] = first * cos[i] - second * sin[i];
    x[i + half] = second * cos[i] + first * sin[i];
  }
}
