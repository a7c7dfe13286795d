// SPDX-License-Identifier: Apache-2.0
// Every file type against golden blocks: raw bytes and the values the format's own tool reads from them.
#include "kernels/dequant.h"

#include "npy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace thimble::kernels {
namespace {

class Dequant : public ::testing::TestWithParam<DType> {};

TEST_P(Dequant, EqualsTheGoldenValuesExactly) {
  const std::string stem = std::string(THIMBLE_FIXTURES_DIR) + "/quants/" + std::string(TraitsOf(GetParam()).name);
  const testing::NpyArray raw = testing::LoadNpy(stem + ".raw.npy");
  const testing::NpyArray wanted = testing::LoadNpy(stem + ".float.npy");
  const auto rows = static_cast<std::size_t>(wanted.shape[0]);
  const auto cols = static_cast<std::size_t>(wanted.shape[1]);
  ASSERT_EQ(raw.bytes.size(), rows * RowBytes(GetParam(), cols));
  std::vector<float> out(cols);
  for (std::size_t row = 0; row < rows; ++row) {
    RowToFloat(GetParam())(raw.bytes.data() + row * RowBytes(GetParam(), cols), static_cast<std::int64_t>(cols),
                           out.data());
    for (std::size_t i = 0; i < cols; ++i) {
      const float value = wanted.As<float>()[row * cols + i];
      ASSERT_TRUE(out[i] == value || (std::isnan(out[i]) && std::isnan(value)))
          << "row " << row << " column " << i << ": " << out[i] << ", expected " << value;
    }
  }
}

std::vector<DType> Types() {
  std::vector<DType> types;
  for (const DTypeTraits& traits : kDTypes) {
    if (traits.dtype != DType::kF32) types.push_back(traits.dtype);
  }
  return types;
}
INSTANTIATE_TEST_SUITE_P(AllTypes, Dequant, ::testing::ValuesIn(Types()),
                         [](const auto& tested) { return std::string(TraitsOf(tested.param).name); });

}  // namespace
}  // namespace thimble::kernels
