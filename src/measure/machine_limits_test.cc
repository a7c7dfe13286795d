// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_limits.h"

#include "kernels/peak.h"
#include "ops_tools.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace thimble {
namespace {

LimitOptions Short() {
  LimitOptions options;
  options.seconds = 0.02;
  options.read_bytes = std::size_t{8} << 20;
  return options;
}

TEST(MachineLimits, AreMeasuredOnEveryInstructionSet) {
  for (const kernels::KernelTable* table : testing::RunnableTables()) {
    SCOPED_TRACE(table->name);
    ThreadPool pool(2);
    auto measured = MeasureLimits({*table, pool}, Short());
    ASSERT_TRUE(measured.ok()) << measured.error().message;
    const MachineLimits& limits = measured.value();
    // Bounds that hold from an emulated core to a large server, and not for a forgotten factor of a million.
    for (const double per_second : {limits.read_bytes, limits.int8_multiply_adds, limits.float_multiply_adds}) {
      EXPECT_GT(per_second, 1e6);
      EXPECT_LT(per_second, 1e15);
    }
    EXPECT_GE(limits.huge_page_share, 0);
    EXPECT_LE(limits.huge_page_share, 1);
    EXPECT_GE(limits.read_bytes_small_pages, 0);
    EXPECT_GT(limits.typical_read_bytes, 0);
    EXPECT_LE(limits.typical_read_bytes, limits.read_bytes);
  }
}

TEST(MachineLimits, WiderRegistersDoMore) {
  const auto tables = testing::RunnableTables();
  if (tables.size() < 2) GTEST_SKIP() << "one instruction set only";
  if (std::getenv("THIMBLE_EMULATED") != nullptr) GTEST_SKIP() << "an emulator's times say nothing";
  if (kernels::PeakOf(*tables.front()).int8_multiply_adds == kernels::PeakOf(*tables.back()).int8_multiply_adds)
    GTEST_SKIP() << "measured alike";
  ThreadPool pool(1);
  const auto first = MeasureLimits({*tables.front(), pool}, Short());
  const auto last = MeasureLimits({*tables.back(), pool}, Short());
  ASSERT_TRUE(first.ok() && last.ok());
  EXPECT_GT(first.value().int8_multiply_adds, 2 * last.value().int8_multiply_adds);
}

TEST(MachineLimits, StopsWhenAsked) {
  ThreadPool pool(1);
  LimitOptions options = Short();
  options.seconds = 1000;
  int asked = 0;
  options.goes_on = [&] { return ++asked < 3; };
  const auto measured = MeasureLimits({*testing::RunnableTables().back(), pool}, options);
  ASSERT_FALSE(measured.ok());
  EXPECT_EQ(measured.error().code, Code::kCancelled);
  EXPECT_EQ(asked, 3);
}

}  // namespace
}  // namespace thimble
