// SPDX-License-Identifier: Apache-2.0
// Float32 matrix products over a vocabulary of vectors (isa/float_*.inl). Included after float.inl, inside an
// instruction set's namespace.

// How weights are stored; each reads kF32Lanes of them, or the first `count`, as floats.
struct FloatWeights {
  using Element = float;
  static inline F32 Read(const float* p) { return Load(p); }
  static inline F32 ReadPart(const float* p, std::int64_t count) { return LoadPart(p, count); }
};
struct HalfWeights {
  using Element = std::uint16_t;
  static inline F32 Read(const std::uint16_t* p) { return LoadHalf(p); }
  static inline F32 ReadPart(const std::uint16_t* p, std::int64_t count) {
    std::uint16_t part[kF32Lanes] = {};
    for (std::int64_t i = 0; i < count; ++i) part[i] = p[i];
    return LoadHalf(part);
  }
};
struct Bf16Weights {
  using Element = std::uint16_t;
  static inline F32 Read(const std::uint16_t* p) { return LoadBf16(p); }
  static inline F32 ReadPart(const std::uint16_t* p, std::int64_t count) {
    std::uint16_t part[kF32Lanes] = {};
    for (std::int64_t i = 0; i < count; ++i) part[i] = p[i];
    return LoadBf16(part);
  }
};

// A product is computed in blocks of kBlockRows x kBlockColumns outputs. The K of a block is cut into panels short
// enough for the weights of a register tile to stay in L1 while the block's rows pass by; between panels the sums of
// every lane wait in `carried`. So each output is one vector of sums over all of K, then the sum of its lanes, whatever
// the tile, the block and the cut.
constexpr std::int64_t kBlockRows = 24;
constexpr std::int64_t kBlockColumns = 24;  // a multiple of every kGemmN
constexpr std::int64_t kPanelDepth = 1024;

template <typename W>
struct GemmPanel {
  const float* x;
  std::int64_t x_stride;
  const typename W::Element* w;
  std::int64_t w_stride;
  std::int64_t k;
  float* out;
  std::int64_t out_stride;
  F32* carried;  // [kBlockRows, kBlockColumns]; not used by the only panel
  bool is_first;
  bool is_last;
};

template <typename W, int kT, int kN>
inline void GemmTile(const GemmPanel<W>& panel, std::int64_t t0, std::int64_t n0) {
  const float* x = panel.x + t0 * panel.x_stride;
  const typename W::Element* w = panel.w + n0 * panel.w_stride;
  const std::int64_t x_stride = panel.x_stride;
  const std::int64_t w_stride = panel.w_stride;
  F32* carried = panel.carried + t0 * kBlockColumns + n0;
  F32 sums[kT * kN] = {};
  if (!panel.is_first) {
    for (int t = 0; t < kT; ++t) {
      for (int n = 0; n < kN; ++n) sums[t * kN + n] = carried[t * kBlockColumns + n];
    }
  }
  std::int64_t i = 0;
  for (; i + kF32Lanes <= panel.k; i += kF32Lanes) {
    F32 rows[kT];
    for (int t = 0; t < kT; ++t) rows[t] = Load(x + t * x_stride + i);
    for (int n = 0; n < kN; ++n) {
      const F32 column = W::Read(w + n * w_stride + i);
      for (int t = 0; t < kT; ++t) sums[t * kN + n] = Fma(rows[t], column, sums[t * kN + n]);
    }
  }
  if (i < panel.k) {
    const std::int64_t rest = panel.k - i;
    for (int n = 0; n < kN; ++n) {
      const F32 column = W::ReadPart(w + n * w_stride + i, rest);
      for (int t = 0; t < kT; ++t) {
        sums[t * kN + n] = Fma(LoadPart(x + t * x_stride + i, rest), column, sums[t * kN + n]);
      }
    }
  }
  if (!panel.is_last) {
    for (int t = 0; t < kT; ++t) {
      for (int n = 0; n < kN; ++n) carried[t * kBlockColumns + n] = sums[t * kN + n];
    }
    return;
  }
  FoldAll<kF32Lanes, kT * kN>(sums);
  float values[(kT * kN + kF32Lanes - 1) / kF32Lanes * kF32Lanes];
  __builtin_memcpy(values, sums, sizeof values);
  for (int t = 0; t < kT; ++t) {
    for (int n = 0; n < kN; ++n) panel.out[(t0 + t) * panel.out_stride + n0 + n] = values[t * kN + n];
  }
}

// Exactly `rows` rows, rows <= kT.
template <typename W, int kT, int kN>
inline void GemmLastRows(const GemmPanel<W>& panel, std::int64_t t, std::int64_t n, std::int64_t rows) {
  if constexpr (kT > 0) {
    if (rows == kT) {
      GemmTile<W, kT, kN>(panel, t, n);
    } else {
      GemmLastRows<W, kT - 1, kN>(panel, t, n, rows);
    }
  }
}

template <typename W, int kN>
inline void GemmColumns(const GemmPanel<W>& panel, std::int64_t rows, std::int64_t n) {
  std::int64_t t = 0;
  for (; t + kGemmT <= rows; t += kGemmT) GemmTile<W, kGemmT, kN>(panel, t, n);
  GemmLastRows<W, kGemmT - 1, kN>(panel, t, n, rows - t);
}

template <typename W>
inline void GemmBlock(const GemmPanel<W>& panel, std::int64_t rows, std::int64_t columns) {
  std::int64_t n = 0;
  if constexpr (kGemmT == 3 && kGemmN == 4) {
    // Four rows, the queries that share a key and value head, are one tile lying on its side, not one and a third.
    if (rows == 4) {
      for (; n + 3 <= columns; n += 3) GemmTile<W, 4, 3>(panel, 0, n);
      for (; n < columns; ++n) GemmTile<W, 4, 1>(panel, 0, n);
      return;
    }
  }
  for (; n + kGemmN <= columns; n += kGemmN) GemmColumns<W, kGemmN>(panel, rows, n);
  for (; n + 2 <= columns; n += 2) GemmColumns<W, 2>(panel, rows, n);
  if (n < columns) GemmColumns<W, 1>(panel, rows, n);
}

template <typename W>
__attribute__((noinline)) void GemmPanels(GemmPanel<W> panel, std::int64_t rows, std::int64_t columns) {
  F32 carried[kBlockRows * kBlockColumns];
  const std::int64_t num_panels = (panel.k + kPanelDepth - 1) / kPanelDepth;
  const std::int64_t share = (panel.k + num_panels - 1) / num_panels;
  const std::int64_t depth = (share + kF32Lanes - 1) / kF32Lanes * kF32Lanes;
  const std::int64_t k = panel.k;
  panel.carried = carried;
  for (std::int64_t first = 0; first < k; first += depth) {
    panel.k = k - first < depth ? k - first : depth;
    panel.is_first = first == 0;
    panel.is_last = first + panel.k == k;
    GemmBlock(panel, rows, columns);
    panel.x += panel.k;
    panel.w += panel.k;
  }
}

template <typename W>
void GemmOf(const float* x, std::int64_t x_stride, std::int64_t num_t, const typename W::Element* w,
            std::int64_t w_stride, std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride) {
  // With the rows of a single tile there is nothing that weights in L1 would be read again for.
  const bool is_whole = k <= kPanelDepth || num_t <= kGemmT;
  F32 unused{};
  for (std::int64_t t = 0; t < num_t; t += kBlockRows) {
    const std::int64_t rows = num_t - t < kBlockRows ? num_t - t : kBlockRows;
    for (std::int64_t n = 0; n < num_n; n += kBlockColumns) {
      const std::int64_t columns = num_n - n < kBlockColumns ? num_n - n : kBlockColumns;
      const GemmPanel<W> panel = {x + t * x_stride,         x_stride,   w + n * w_stride, w_stride, k,
                                  out + t * out_stride + n, out_stride, &unused,          true,     true};
      if (is_whole) {
        GemmBlock(panel, rows, columns);
      } else {
        GemmPanels(panel, rows, columns);
      }
    }
  }
}

void Gemm(const float* x, std::int64_t x_stride, std::int64_t num_t, const float* w, std::int64_t w_stride,
          std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride) {
  GemmOf<FloatWeights>(x, x_stride, num_t, w, w_stride, num_n, k, out, out_stride);
}
void GemmF16(const float* x, std::int64_t x_stride, std::int64_t num_t, const std::uint16_t* w, std::int64_t w_stride,
             std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride) {
  GemmOf<HalfWeights>(x, x_stride, num_t, w, w_stride, num_n, k, out, out_stride);
}
void GemmBf16(const float* x, std::int64_t x_stride, std::int64_t num_t, const std::uint16_t* w, std::int64_t w_stride,
              std::int64_t num_n, std::int64_t k, float* out, std::int64_t out_stride) {
  GemmOf<Bf16Weights>(x, x_stride, num_t, w, w_stride, num_n, k, out, out_stride);
}

template <int kT, int kVectors>
inline void GemmAddTile(const float* a, std::int64_t a_stride, const float* b, std::int64_t b_stride,
                        std::int64_t num_j, float* out, std::int64_t out_stride) {
  F32 sums[kT][kVectors];
  for (int t = 0; t < kT; ++t) {
    for (int v = 0; v < kVectors; ++v) sums[t][v] = Load(out + t * out_stride + v * kF32Lanes);
  }
  for (std::int64_t j = 0; j < num_j; ++j) {
    F32 row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = Load(b + j * b_stride + v * kF32Lanes);
    for (int t = 0; t < kT; ++t) {
      const F32 factor = Set(a[t * a_stride + j]);
      for (int v = 0; v < kVectors; ++v) sums[t][v] = Fma(factor, row[v], sums[t][v]);
    }
  }
  for (int t = 0; t < kT; ++t) {
    for (int v = 0; v < kVectors; ++v) Store(out + t * out_stride + v * kF32Lanes, sums[t][v]);
  }
}

// kVectors vectors of columns; their rows of b stay in L1 while the rows of a pass by.
template <int kVectors>
inline void GemmAddColumns(const float* a, std::int64_t a_stride, std::int64_t num_t, const float* b,
                           std::int64_t b_stride, std::int64_t num_j, float* out, std::int64_t out_stride) {
  std::int64_t t = 0;
  for (; t + kAddT <= num_t; t += kAddT) {
    GemmAddTile<kAddT, kVectors>(a + t * a_stride, a_stride, b, b_stride, num_j, out + t * out_stride, out_stride);
  }
  for (; t < num_t; ++t) {
    GemmAddTile<1, kVectors>(a + t * a_stride, a_stride, b, b_stride, num_j, out + t * out_stride, out_stride);
  }
}

// Exactly `vectors` vectors of columns, vectors <= kVectors.
template <int kVectors>
inline void GemmAddLastColumns(std::int64_t vectors, const float* a, std::int64_t a_stride, std::int64_t num_t,
                               const float* b, std::int64_t b_stride, std::int64_t num_j, float* out,
                               std::int64_t out_stride) {
  if constexpr (kVectors > 0) {
    if (vectors == kVectors) {
      GemmAddColumns<kVectors>(a, a_stride, num_t, b, b_stride, num_j, out, out_stride);
    } else {
      GemmAddLastColumns<kVectors - 1>(vectors, a, a_stride, num_t, b, b_stride, num_j, out, out_stride);
    }
  }
}

void GemmAdd(const float* a, std::int64_t a_stride, std::int64_t num_t, const float* b, std::int64_t b_stride,
             std::int64_t num_j, std::int64_t num_n, float* out, std::int64_t out_stride) {
  const std::int64_t vectors = num_n / kF32Lanes;
  std::int64_t v = 0;
  while (v < vectors) {
    // One more than a tile's worth goes as two halves: a tile of one vector has too few sums to keep the multipliers
    // busy.
    const std::int64_t left = vectors - v;
    const std::int64_t width = left == kAddVectors + 1 ? (left + 1) / 2 : left < kAddVectors ? left : kAddVectors;
    const std::int64_t n = v * kF32Lanes;
    GemmAddLastColumns<kAddVectors>(width, a, a_stride, num_t, b + n, b_stride, num_j, out + n, out_stride);
    v += width;
  }
  const std::int64_t n = vectors * kF32Lanes;
  if (n == num_n) return;
  const std::int64_t rest = num_n - n;
  for (std::int64_t t = 0; t < num_t; ++t) {
    F32 sums = LoadPart(out + t * out_stride + n, rest);
    for (std::int64_t j = 0; j < num_j; ++j) {
      sums = Fma(Set(a[t * a_stride + j]), LoadPart(b + j * b_stride + n, rest), sums);
    }
    StorePart(out + t * out_stride + n, sums, rest);
  }
}

// Squares of four by four: every instruction set has registers of four floats and shuffles of two of them.
void Transpose(const float* in, std::int64_t in_stride, std::int64_t num_t, std::int64_t num_n, float* out,
               std::int64_t out_stride) {
  typedef float Four __attribute__((vector_size(16)));
  std::int64_t t = 0;
  for (; t + 4 <= num_t; t += 4) {
    std::int64_t n = 0;
    for (; n + 4 <= num_n; n += 4) {
      Four rows[4];
      for (int i = 0; i < 4; ++i) __builtin_memcpy(&rows[i], in + (t + i) * in_stride + n, sizeof(Four));
      const Four low01 = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
      const Four high01 = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
      const Four low23 = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
      const Four high23 = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
      const Four columns[4] = {
          __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
          __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
      for (int i = 0; i < 4; ++i) __builtin_memcpy(out + (n + i) * out_stride + t, &columns[i], sizeof(Four));
    }
    for (; n < num_n; ++n) {
      for (int i = 0; i < 4; ++i) out[n * out_stride + t + i] = in[(t + i) * in_stride + n];
    }
  }
  for (; t < num_t; ++t) {
    for (std::int64_t n = 0; n < num_n; ++n) out[n * out_stride + t] = in[t * in_stride + n];
  }
}
