// SPDX-License-Identifier: Apache-2.0
// Products of attention over numbers as a KV cache holds them, and its softmax, over a vocabulary of vectors
// (isa/float_*.inl). Included after float.inl, inside an instruction set's namespace.

// How the numbers of b are stored: reads kF32Lanes of row j from column n on, or the first `count`, as floats.
struct FloatCells {
  static constexpr std::int64_t kBytes = 4;
  const float* b;
  std::int64_t stride;
  explicit FloatCells(const KvProduct& p) : b(static_cast<const float*>(p.b)), stride(p.b_stride) {}
  [[nodiscard]] const float* At(std::int64_t j, std::int64_t n) const { return b + j * stride + n; }
  [[nodiscard]] F32 Read(std::int64_t j, std::int64_t n) const { return Load(At(j, n)); }
  [[nodiscard]] F32 ReadPart(std::int64_t j, std::int64_t n, std::int64_t count) const {
    return LoadPart(At(j, n), count);
  }
};
struct HalfCells {
  static constexpr std::int64_t kBytes = 2;
  const std::uint16_t* b;
  std::int64_t stride;
  explicit HalfCells(const KvProduct& p) : b(static_cast<const std::uint16_t*>(p.b)), stride(p.b_stride) {}
  [[nodiscard]] const std::uint16_t* At(std::int64_t j, std::int64_t n) const { return b + j * stride + n; }
  [[nodiscard]] F32 Read(std::int64_t j, std::int64_t n) const { return LoadHalf(At(j, n)); }
  [[nodiscard]] F32 ReadPart(std::int64_t j, std::int64_t n, std::int64_t count) const {
    std::uint16_t part[kF32Lanes] = {};
    for (std::int64_t i = 0; i < count; ++i) part[i] = At(j, n)[i];
    return LoadHalf(part);
  }
};
// 8-bit codes; kKeys: a scale per 32 rows of each column, else per 32 columns of each row.
template <bool kKeys>
struct CodeCells {
  static constexpr std::int64_t kBytes = 1;
  const std::int8_t* b;
  std::int64_t stride;
  const float* scales;
  std::int64_t scale_stride;
  explicit CodeCells(const KvProduct& p)
      : b(static_cast<const std::int8_t*>(p.b)), stride(p.b_stride), scales(p.scales), scale_stride(p.scale_stride) {}
  [[nodiscard]] const std::int8_t* At(std::int64_t j, std::int64_t n) const { return b + j * stride + n; }
  [[nodiscard]] F32 Read(std::int64_t j, std::int64_t n) const {
    const F32 scale = kKeys ? Load(scales + (j >> 5) * scale_stride + n) : Set(scales[j * scale_stride + (n >> 5)]);
    return LoadCodes(At(j, n)) * scale;
  }
  [[nodiscard]] F32 ReadPart(std::int64_t j, std::int64_t n, std::int64_t count) const {
    std::int8_t part[kF32Lanes] = {};
    for (std::int64_t i = 0; i < count; ++i) part[i] = At(j, n)[i];
    const F32 scale =
        kKeys ? LoadPart(scales + (j >> 5) * scale_stride + n, count) : Set(scales[j * scale_stride + (n >> 5)]);
    return LoadCodes(part) * scale;
  }
};

// kT rows, kVectors vectors of columns from n on. Each sum takes its j in order.
template <typename Cells, int kT, int kVectors>
inline void KvTile(const KvProduct& p, const Cells& cells, std::int64_t t0, std::int64_t n) {
  constexpr std::int64_t kWidth = kVectors * kF32Lanes * Cells::kBytes;  // bytes of a row of b
  static const float kZeros[kVectors * kF32Lanes] = {};
  const std::int64_t a_stride = p.a_stride;
  const std::int64_t out_stride = p.out_stride;
  const std::int64_t num_j = p.num_j;
  const std::int64_t ahead = p.ahead;
  const float* a = p.a + t0 * a_stride;
  float* out = p.out + t0 * out_stride + n;
  // No branch here: with one, GCC keeps the sums in memory.
  const float* before = p.adds ? out : kZeros;
  const std::int64_t before_stride = p.adds ? out_stride : 0;
  F32 sums[kT][kVectors];
  for (int t = 0; t < kT; ++t) {
    for (int v = 0; v < kVectors; ++v) sums[t][v] = Load(before + t * before_stride + v * kF32Lanes);
  }
  for (std::int64_t j = 0; j < num_j; ++j) {
    const char* next = reinterpret_cast<const char*>(cells.At(j, n)) + ahead;
    for (std::int64_t byte = 0; byte < kWidth; byte += 64) __builtin_prefetch(next + byte, 0, 2);
    F32 row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = cells.Read(j, n + v * kF32Lanes);
    for (int t = 0; t < kT; ++t) {
      const F32 factor = Set(a[t * a_stride + j]);
      for (int v = 0; v < kVectors; ++v) sums[t][v] = Fma(factor, row[v], sums[t][v]);
    }
  }
  for (int t = 0; t < kT; ++t) {
    for (int v = 0; v < kVectors; ++v) Store(out + t * out_stride + v * kF32Lanes, sums[t][v]);
  }
}

// The columns of b stay in the cache while the rows of a pass by.
template <typename Cells, int kVectors>
inline void KvColumns(const KvProduct& p, const Cells& cells, std::int64_t n) {
  std::int64_t t = 0;
  for (; t + 4 <= p.num_t; t += 4) KvTile<Cells, 4, kVectors>(p, cells, t, n);
  if (t + 2 <= p.num_t) {
    KvTile<Cells, 2, kVectors>(p, cells, t, n);
    t += 2;
  }
  if (t < p.num_t) KvTile<Cells, 1, kVectors>(p, cells, t, n);
}

// Exactly `vectors` vectors of columns, vectors <= kVectors.
template <typename Cells, int kVectors>
inline void KvLastColumns(const KvProduct& p, const Cells& cells, std::int64_t vectors, std::int64_t n) {
  if constexpr (kVectors > 0) {
    if (vectors == kVectors) {
      KvColumns<Cells, kVectors>(p, cells, n);
    } else {
      KvLastColumns<Cells, kVectors - 1>(p, cells, vectors, n);
    }
  }
}

template <typename Cells>
void KvMultiply(const KvProduct& p) {
  const Cells cells(p);
  const std::int64_t vectors = p.num_n / kF32Lanes;
  std::int64_t v = 0;
  while (v < vectors) {
    // One more than a tile's worth goes as two halves: a tile of one vector has few sums to keep the multipliers busy.
    const std::int64_t left = vectors - v;
    const std::int64_t width = left == kAddVectors + 1 ? (left + 1) / 2 : left < kAddVectors ? left : kAddVectors;
    KvLastColumns<Cells, kAddVectors>(p, cells, width, v * kF32Lanes);
    v += width;
  }
  const std::int64_t n = vectors * kF32Lanes;
  if (n == p.num_n) return;
  const std::int64_t rest = p.num_n - n;
  for (std::int64_t t = 0; t < p.num_t; ++t) {
    float* out = p.out + t * p.out_stride + n;
    F32 sums = p.adds ? LoadPart(out, rest) : F32{};
    for (std::int64_t j = 0; j < p.num_j; ++j) {
      sums = Fma(Set(p.a[t * p.a_stride + j]), cells.ReadPart(j, n, rest), sums);
    }
    StorePart(out, sums, rest);
  }
}

template <typename Cells>
void KvWiden(const KvProduct& p, float* out) {
  const Cells cells(p);
  for (std::int64_t j = 0; j < p.num_j; ++j, out += p.num_n) {
    std::int64_t n = 0;
    for (; n + kF32Lanes <= p.num_n; n += kF32Lanes) Store(out + n, cells.Read(j, n));
    if (n < p.num_n) StorePart(out + n, cells.ReadPart(j, n, p.num_n - n), p.num_n - n);
  }
}

// Every lane gets what f makes of all lanes, in pairs at a distance of half the lanes, a quarter ...
template <int kDistance, typename F, std::size_t... kLane>
inline F32 Across(F32 v, const F& f, std::index_sequence<kLane...> lanes) {
  if constexpr (kDistance == 0) {
    return v;
  } else {
    const F32 other = __builtin_shufflevector(v, v, (static_cast<int>(kLane) ^ kDistance)...);
    return Across<kDistance / 2>(f(v, other), f, lanes);
  }
}

// One row of SoftmaxRows over vectors of scores, `count` numbers; behind them come zeros.
inline void SoftmaxRow(float* scores, std::int64_t count, float* maximum, float* sum, float* keep) {
  constexpr auto kLanes = std::make_index_sequence<kF32Lanes>();
  const F32 before = Set(*maximum);
  F32 largest = before;
  std::int64_t i = 0;
  for (; i + kF32Lanes <= count; i += kF32Lanes) largest = Larger(Load(scores + i), largest);
  if (i < count) {
    I32 index{};
    for (int lane = 0; lane < kF32Lanes; ++lane) index[lane] = lane;
    const F32 seen = Select(index < static_cast<std::int32_t>(count - i), Load(scores + i), Set(-__builtin_inff()));
    Store(scores + i, seen);
    largest = Larger(seen, largest);
  }
  largest = Across<kF32Lanes / 2>(largest, [](F32 a, F32 b) { return Larger(a, b); }, kLanes);
  F32 total{};
  for (i = 0; i < count; i += kF32Lanes) {
    const F32 e = Exp(Load(scores + i) - largest);
    Store(scores + i, e);
    total = total + e;
  }
  total = Across<kF32Lanes / 2>(total, [](F32 a, F32 b) { return a + b; }, kLanes);
  float factor = 1;
  if (largest[0] != *maximum) {
    factor = Exp(before - largest)[0];
    *maximum = largest[0];
  }
  *keep = factor;
  *sum = *sum * factor + total[0];
}

void SoftmaxRows(float* scores, std::int64_t stride, std::int64_t num_rows, std::int64_t count, float* maxima,
                 float* sums, float* keeps) {
  for (std::int64_t row = 0; row < num_rows; ++row) {
    SoftmaxRow(scores + row * stride, count, maxima + row, sums + row, keeps + row);
  }
}
