// SPDX-License-Identifier: Apache-2.0
// Activations to signed 8-bit codes. Plain loops over whole blocks that every compiler vectorises for the instruction
// set at hand.

// One block: codes = round(x * 127 / largest), scale = largest / 127. Not-a-number counts as zero; infinities as the
// largest float.
inline void QuantiseBlock(const float* x, std::int8_t* codes, float* scale, float* block_sum, std::int32_t* sum_pair) {
  constexpr float kLargest = 3.0e38f;
  constexpr int kParts = 8;
  float part_max[kParts] = {};
  for (int i = 0; i < kBlock; i += kParts) {
    for (int j = 0; j < kParts; ++j) {
      const float a = (__builtin_fabsf)(x[i + j]);
      part_max[j] = a > part_max[j] ? a : part_max[j];
    }
  }
  float largest = 0;
  for (int j = 0; j < kParts; ++j) largest = part_max[j] > largest ? part_max[j] : largest;
  if (largest > kLargest) largest = kLargest;
  // Below this the inverse would overflow; such a block is zero for every purpose.
  const bool is_zero = largest < 1e-36f;
  const float inverse = is_zero ? 0.0f : 127.0f / largest;
  *scale = is_zero ? 0.0f : largest / 127.0f;
  std::int32_t rounded[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    float value = x[i] * inverse;
    value = value < 127.0f ? value : 127.0f;  // also turns not-a-number into 127 ...
    value = value > -127.0f ? value : -127.0f;
    value = x[i] == x[i] ? value : 0.0f;        // ... which this takes back
    const float shifted = value + 12582912.0f;  // 1.5 * 2^23: the integer is in the low bits
    std::int32_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof bits);
    rounded[i] = bits - 0x4B400000;
  }
  for (int i = 0; i < kBlock; ++i) codes[i] = static_cast<std::int8_t>(rounded[i]);
  std::int32_t first = 0;
  std::int32_t second = 0;
  for (int i = 0; i < kBlock / 2; ++i) {
    first += rounded[i];
    second += rounded[kBlock / 2 + i];
  }
  *block_sum = *scale * static_cast<float>(first + second);
  *sum_pair = static_cast<std::int32_t>((static_cast<std::uint32_t>(first) & 0xFFFFu) |
                                        static_cast<std::uint32_t>(second) << 16);
}

// Columns beyond `cols` up to whole blocks become zeros.
void QuantiseRow(const float* x, std::int64_t cols, std::int8_t* codes, float* scales, float* block_sums,
                 std::int32_t* sum_pairs) {
  const std::int64_t whole = cols / kBlock;
  for (std::int64_t block = 0; block < whole; ++block) {
    QuantiseBlock(x + block * kBlock, codes + block * kBlock, scales + block, block_sums + block, sum_pairs + block);
  }
  if (cols % kBlock == 0) return;
  float padded[kBlock] = {};
  for (std::int64_t i = 0; i < cols % kBlock; ++i) padded[i] = x[whole * kBlock + i];
  QuantiseBlock(padded, codes + whole * kBlock, scales + whole, block_sums + whole, sum_pairs + whole);
}
