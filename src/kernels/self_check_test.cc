// SPDX-License-Identifier: Apache-2.0
#include "kernels/self_check.h"
#include "kernels/kernels.h"
#include "sys/machine.h"

#include <gtest/gtest.h>

namespace thimble::kernels {
namespace {

TEST(SelfTest, EveryTableThatThisProcessorRunsPasses) {
  for (const KernelTable* table : AllTables()) {
    if ((DetectCpuFeatures() & table->needs) != table->needs) continue;
    EXPECT_EQ(SelfTest(*table), "") << table->name;
  }
}

TEST(SelfTest, AWrongKernelIsNamed) {
  const KernelTable& right = *AllTables().back();
  FloatKernels floats = *right.f32;
  floats.silu = [](float* x, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) x[i] *= 0.999F;
  };
  const KernelTable wrong_float{"wrong", 0, &floats, right.packed};
  EXPECT_EQ(SelfTest(wrong_float), "silu");

  PackedKernels packed = *right.packed;
  const auto u6 = static_cast<std::size_t>(Family::kU6Super);
  packed.wide[u6] = packed.wide[static_cast<std::size_t>(Family::kU4Super)];
  const KernelTable wrong_packed{"wrong", 0, right.f32, &packed};
  EXPECT_EQ(SelfTest(wrong_packed), "u6_super");
}

TEST(SelfTest, ChoosesWhatChooseChoosesWhenAllIsWell) {
  std::vector<std::string> warnings;
  const CpuFeatures features = DetectCpuFeatures();
  EXPECT_EQ(ChooseTested(features, "", &warnings).value(), Choose(features, "").value());
  EXPECT_EQ(ChooseTested(features, "scalar", &warnings).value(), AllTables().back());
  EXPECT_TRUE(warnings.empty());
  EXPECT_FALSE(ChooseTested(features, "nonsense", &warnings).ok());
}

}  // namespace
}  // namespace thimble::kernels
