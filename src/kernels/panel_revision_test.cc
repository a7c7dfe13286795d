// SPDX-License-Identifier: Apache-2.0
// What PackPanel makes of fixed rows, as a sum for each family. Packed weights are kept on disk, so when a sum changes,
// kPanelRevision has to be raised with it; caches of the old revision are then packed anew.
#include "base/checksum.h"
#include "base/half.h"
#include "kernels/pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace thimble::kernels {
namespace {

// 21 rows of 320 (K types: 512) columns: a panel that is not full, and a super-block that is not where the type allows.
std::uint64_t SumOf(DType dtype, Family family) {
  const DTypeTraits& traits = TraitsOf(dtype);
  const std::int64_t cols = traits.block_length == 256 ? 512 : 320;
  const auto row_bytes = static_cast<std::int64_t>(RowBytes(dtype, static_cast<std::uint64_t>(cols)));
  constexpr int kRows = 21;
  std::vector<std::byte> rows(static_cast<std::size_t>(row_bytes * kRows));
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < rows.size(); i += 2) {
    state = state * 1664525u + 1013904223u;
    // As a half between 0.5 and 2 of either sign, so that types whose scales or values are halves get plain numbers.
    const auto half = static_cast<std::uint16_t>(0x3800u + ((state >> 16) & 0x87FFu));
    std::memcpy(rows.data() + i, &half, std::min<std::size_t>(2, rows.size() - i));
  }
  const std::int64_t panel_bytes = PanelBytes(family, cols);
  std::vector<std::byte> panel(static_cast<std::size_t>(panel_bytes));
  std::uint64_t sum = 0;
  for (int row = 0; row < kRows; row += kPanelRows) {
    PackPanel(dtype, family, rows.data() + row * row_bytes, row_bytes, std::min(kPanelRows, kRows - row), cols,
              panel.data());
    sum = Checksum(panel, sum);
  }
  return sum;
}

TEST(PanelRevision, NamesTheseBytes) {
  ASSERT_EQ(kPanelRevision, 2u) << "a new revision: write down its sums here";
  struct Case {
    DType dtype;
    Family family;
    std::uint64_t sum;
  };
  for (const Case& c : {
           Case{DType::kQ4_K, Family::kU4Super, 0xD6F977E031BF0B21ULL},
           Case{DType::kQ5_K, Family::kU5Super, 0x429C627FD86E46C4ULL},
           Case{DType::kQ6_K, Family::kU6Super, 0x80EE926DF71DC648ULL},
           Case{DType::kQ4_0, Family::kU4Flat, 0x10C5AB3B23D96FDEULL},
           Case{DType::kQ4_1, Family::kU4Affine, 0x096A8E7AB7D81B47ULL},
           Case{DType::kQ5_0, Family::kU5Flat, 0x955FE20E5F893147ULL},
           Case{DType::kQ5_1, Family::kU5Affine, 0xBE0AB083F7603C35ULL},
           Case{DType::kIQ4_NL, Family::kL4Flat, 0x10C5AB3B23D96FDEULL},
           Case{DType::kIQ4_XS, Family::kL4Flat, 0xB5B4FC1D56E2EBC5ULL},
           Case{DType::kQ8_0, Family::kU8Flat, 0x7805F78EB9AAE6C4ULL},
           Case{DType::kF16, Family::kU8Flat, 0x57075A0BA154957FULL},
           Case{DType::kF16, Family::kU7Flat, 0xA464F4F98A0A1024ULL},
           Case{DType::kQ3_K, Family::kU8Flat, 0xBFB1DD8E5B2115BFULL},
       }) {
    EXPECT_EQ(SumOf(c.dtype, c.family), c.sum) << TraitsOf(c.dtype).name << ": packed differently than revision "
                                               << kPanelRevision << " does; raise kPanelRevision in kernels/formats.h";
  }
}

}  // namespace
}  // namespace thimble::kernels
