// SPDX-License-Identifier: Apache-2.0
// Activations to signed 8-bit codes, over the compilers' own vectors of eight numbers, which become registers of the
// instruction set at hand.

constexpr int kQuantLanes = 8;
constexpr int kQuantVectors = kBlock / kQuantLanes;
typedef float QuantFloats __attribute__((vector_size(4 * kQuantLanes)));
typedef std::int32_t QuantInts __attribute__((vector_size(4 * kQuantLanes)));

// Sizes above this count as it; not-a-number counts as zero.
constexpr float kLargestSize = 3.0e38f;
constexpr std::int32_t kLargestBits = 0x7F61B1E6;

[[gnu::noinline]] inline void MakeFinite(const float* x, float* out) {
  for (int i = 0; i < kBlock; ++i) {
    const float value = x[i] == x[i] ? x[i] : 0.0f;
    out[i] = value > kLargestSize ? kLargestSize : value < -kLargestSize ? -kLargestSize : value;
  }
}

// One block: codes = round(x * 127 / largest), scale = largest / 127.
[[gnu::always_inline]] inline void QuantiseBlock(const float* x, QuantisedSuper* out, int block) {
  alignas(32) float finite[kBlock];
  QuantInts sizes;
  std::int32_t largest_bits;
  while (true) {
    sizes = QuantInts{};  // bits of floats without their sign, which are in the order of what they stand for
    for (int i = 0; i < kQuantVectors; ++i) {
      QuantInts size;
      __builtin_memcpy(&size, x + i * kQuantLanes, sizeof size);
      size &= 0x7FFFFFFF;
      sizes = size > sizes ? size : sizes;
    }
    QuantInts other = __builtin_shufflevector(sizes, sizes, 4, 5, 6, 7, 0, 1, 2, 3);
    sizes = other > sizes ? other : sizes;
    other = __builtin_shufflevector(sizes, sizes, 2, 3, 0, 1, 6, 7, 4, 5);
    sizes = other > sizes ? other : sizes;
    largest_bits = sizes[0] > sizes[1] ? sizes[0] : sizes[1];
    if (largest_bits <= kLargestBits) break;
    MakeFinite(x, finite);
    x = finite;
  }
  float largest;
  __builtin_memcpy(&largest, &largest_bits, sizeof largest);
  // Below this the inverse would overflow; such a block is zero for every purpose.
  const bool is_zero = largest < 1e-36f;
  const float inverse = is_zero ? 0.0f : 127.0f / largest;
  const float scale = is_zero ? 0.0f : largest / 127.0f;
  alignas(32) std::int32_t wide[kBlock];
  QuantInts sums[2] = {};  // of the first and the second 16
  for (int i = 0; i < kQuantVectors; ++i) {
    QuantFloats value;
    __builtin_memcpy(&value, x + i * kQuantLanes, sizeof value);
    const QuantFloats shifted = value * inverse + 12582912.0f;  // 1.5 * 2^23: the integer is in the low bits
    const QuantInts rounded = reinterpret_cast<QuantInts>(shifted) - 0x4B400000;
    __builtin_memcpy(wide + i * kQuantLanes, &rounded, sizeof rounded);
    sums[i / 2] += rounded;
  }
  std::int8_t* codes = out->codes + block * kBlock;
  for (int i = 0; i < kBlock; ++i) codes[i] = static_cast<std::int8_t>(wide[i]);  // every compiler packs this well
  QuantInts both = __builtin_shufflevector(sums[0], sums[1], 0, 1, 2, 3, 8, 9, 10, 11) +
                   __builtin_shufflevector(sums[0], sums[1], 4, 5, 6, 7, 12, 13, 14, 15);
  both += __builtin_shufflevector(both, both, 2, 3, 0, 1, 6, 7, 4, 5);
  const std::int32_t first = both[0] + both[1];
  const std::int32_t second = both[4] + both[5];
  out->scales[block] = scale;
  out->block_sums[block] = scale * static_cast<float>(first + second);
  out->sum_pairs[block] = static_cast<std::int32_t>((static_cast<std::uint32_t>(first) & 0xFFFFu) |
                                                    static_cast<std::uint32_t>(second) << 16);
}

// Columns beyond `cols` up to whole blocks become zeros.
void QuantiseRow(const float* x, std::int64_t cols, QuantisedSuper* out, std::int64_t stride) {
  for (; cols > 0; cols -= kSuper, x += kSuper, out += stride) {
    const int whole = static_cast<int>(cols < kSuper ? cols / kBlock : kSuper / kBlock);
    for (int block = 0; block < whole; ++block) QuantiseBlock(x + block * kBlock, out, block);
    if (cols >= kSuper || cols % kBlock == 0) continue;
    float padded[kBlock] = {};
    for (std::int64_t i = 0; i < cols % kBlock; ++i) padded[i] = x[whole * kBlock + i];
    QuantiseBlock(padded, out, whole);
  }
}
