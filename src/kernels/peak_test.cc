// SPDX-License-Identifier: Apache-2.0
#include "kernels/peak.h"

#include "base/buffer.h"
#include "kernels/kernels.h"
#include "sys/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace thimble::kernels {
namespace {

std::vector<const KernelTable*> Runnable() {
  std::vector<const KernelTable*> tables;
  for (const KernelTable* table : AllTables()) {
    if ((DetectCpuFeatures() & table->needs) == table->needs) tables.push_back(table);
  }
  return tables;
}

TEST(Peak, EveryInstructionSetHasItsLimits) {
  for (const KernelTable* table : AllTables()) {
    const PeakKernels peak = PeakOf(*table);
    EXPECT_NE(peak.int8_multiply_adds, nullptr) << table->name;
    EXPECT_NE(peak.float_multiply_adds, nullptr) << table->name;
    EXPECT_NE(peak.read, nullptr) << table->name;
  }
}

TEST(Peak, ReadingSeesEveryWordOnce) {
  std::mt19937_64 random(7);
  for (const KernelTable* table : Runnable()) {
    SCOPED_TRACE(table->name);
    for (const std::int64_t steps : {1, 2, 5, 64}) {
      Buffer<std::uint64_t> memory =
          std::move(Buffer<std::uint64_t>::Create(static_cast<std::size_t>(steps * kReadStep) / 8)).value();
      std::uint64_t wanted = 0;
      for (std::uint64_t& word : memory.span()) wanted ^= word = random();
      const auto* bytes = reinterpret_cast<const std::byte*>(memory.data());
      EXPECT_EQ(PeakOf(*table).read(bytes, steps * kReadStep), wanted);
    }
  }
}

// Time in which this process, which has one thread here, had a processor; where nobody counts that, any time.
double WorkingSeconds() { return ProcessorSeconds() > 0 ? ProcessorSeconds() : MonotonicSeconds(); }

// A compiler that sees through a loop makes it take no time, or as long for many rounds as for few.
TEST(Peak, MultiplyAddsAreReallyDone) {
  for (const KernelTable* table : Runnable()) {
    for (const auto loop : {PeakOf(*table).int8_multiply_adds, PeakOf(*table).float_multiply_adds}) {
      const auto seconds = [&](std::int64_t rounds) {
        double best = 1e9;
        for (int run = 0; run < 5; ++run) {
          const double begin = WorkingSeconds();
          EXPECT_EQ(loop(rounds) % rounds, 0);
          best = std::min(best, WorkingSeconds() - begin);
        }
        return best;
      };
      const std::int64_t per_round = loop(1);
      EXPECT_GT(per_round, 0);
      EXPECT_EQ(loop(1000), 1000 * per_round);
      const double few = seconds(20'000);
      EXPECT_GT(seconds(400'000), 4 * few) << table->name;
      // No processor core does 4,096 multiply-adds in a nanosecond.
      EXPECT_LT(static_cast<double>(per_round) * 20'000, few * 4096e9) << table->name;
    }
  }
}

}  // namespace
}  // namespace thimble::kernels
