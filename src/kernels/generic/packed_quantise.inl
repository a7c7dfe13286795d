// SPDX-License-Identifier: Apache-2.0
// Activations to signed 8-bit codes. Plain loops that every compiler vectorises for the instruction set at hand.

// codes = round(x * 127 / largest), scale = largest / 127, per group of columns, and sums of codes (RowForm). Columns
// beyond `cols` up to whole blocks become zeros. Not-a-number counts as zero; infinities as the largest float.
void QuantiseRow(const float* x, std::int64_t cols, RowForm form, std::int8_t* codes, float* scales,
                 std::int32_t* sums) {
  const std::int64_t padded = (cols + kBlock - 1) / kBlock * kBlock;
  const std::int64_t group = GroupColumns(form);
  constexpr float kLargest = 3.0e38f;
  for (std::int64_t first = 0; first < padded; first += group) {
    const std::int64_t end = first + group < padded ? first + group : padded;
    const std::int64_t data_end = end < cols ? end : cols;
    float lane_max[16] = {};
    std::int64_t i = first;
    for (; i + 16 <= data_end; i += 16) {
      for (int j = 0; j < 16; ++j) {
        const float a = (__builtin_fabsf)(x[i + j]);
        lane_max[j] = a > lane_max[j] ? a : lane_max[j];
      }
    }
    for (; i < data_end; ++i) {
      const float a = (__builtin_fabsf)(x[i]);
      lane_max[0] = a > lane_max[0] ? a : lane_max[0];
    }
    float largest = 0;
    for (int j = 0; j < 16; ++j) largest = lane_max[j] > largest ? lane_max[j] : largest;
    if (largest > kLargest) largest = kLargest;
    // Below this the inverse would overflow; such a group is zero for every purpose.
    const bool is_zero = largest < 1e-36f;
    const float inverse = is_zero ? 0.0f : 127.0f / largest;
    scales[first / group] = is_zero ? 0.0f : largest / 127.0f;
    for (i = first; i < data_end; ++i) {
      float value = x[i] * inverse;
      value = value < 127.0f ? value : 127.0f;  // also turns not-a-number into 127 ...
      value = value > -127.0f ? value : -127.0f;
      value = x[i] == x[i] ? value : 0.0f;  // ... which this takes back
      const float shifted = value + 12582912.0f;
      std::int32_t bits;
      __builtin_memcpy(&bits, &shifted, sizeof bits);
      codes[i] = static_cast<std::int8_t>(bits);
    }
    for (i = data_end > first ? data_end : first; i < end; ++i) codes[i] = 0;
  }
  for (std::int64_t i = 0; form == RowForm::kPerSuper && i * kSuper < padded; ++i) sums[i] = 0;
  for (std::int64_t half = 0; half < padded / 16; ++half) {
    std::int32_t sum = 0;
    for (int i = 0; i < 16; ++i) sum += codes[half * 16 + i];
    if (form == RowForm::kPerBlock) sums[half] = sum;
    if (form == RowForm::kPerSuper) sums[half / 16] += sum;
    if (form != RowForm::kPerSuperPairs) continue;
    if (half % 2 == 0) {
      sums[half / 2] = sum & 0xFFFF;
    } else {
      sums[half / 2] =
          static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[half / 2]) | static_cast<std::uint32_t>(sum) << 16);
    }
  }
}
