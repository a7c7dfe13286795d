// SPDX-License-Identifier: Apache-2.0
#include "sys/machine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace thimble {
namespace {

TEST(Machine, NamesFeaturesInTheirOrder) {
  EXPECT_EQ(CpuFeatureNames(0), "");
  EXPECT_EQ(CpuFeatureNames(kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni), "avx2 avx512 avx512vnni");
  EXPECT_EQ(CpuFeatureNames(kCpuNeon | kCpuNeonDotprod | kCpuNeonI8mm), "neon neon_dotprod neon_i8mm");
  EXPECT_EQ(CpuFeatureNames(kCpuWasmRelaxed), "wasm_relaxed");
}

TEST(Machine, FeaturesBelongToThisArchitectureAndImplyEachOther) {
  const CpuFeatures features = DetectCpuFeatures();
#if defined(__x86_64__)
  EXPECT_EQ(features & (kCpuNeon | kCpuWasmSimd), 0u);
#elif defined(__aarch64__)
  EXPECT_NE(features & kCpuNeon, 0u);
  EXPECT_EQ(features & kCpuAvx2, 0u);
#endif
  const auto implies = [features](CpuFeatures feature, CpuFeatures needed) {
    return (features & feature) == 0 || (features & needed) != 0;
  };
  EXPECT_TRUE(implies(kCpuAvx512 | kCpuAvxVnni, kCpuAvx2));
  EXPECT_TRUE(implies(kCpuAvx512Vnni | kCpuAvx512Bf16, kCpuAvx512));
}

#if defined(__linux__) && defined(__x86_64__)
// The kernel lists what it supports itself; both ways of asking must agree.
TEST(Machine, FeaturesAgreeWithTheKernel) {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line;
  while (std::getline(cpuinfo, line) && line.rfind("flags", 0) != 0) {
  }
  if (line.rfind("flags", 0) != 0) GTEST_SKIP() << "no list of flags here";
  line += ' ';
  const auto has = [&line](const std::string& flag) { return line.find(" " + flag + " ") != std::string::npos; };
  CpuFeatures expected = 0;
  if (has("avx2") && has("fma") && has("f16c")) expected |= kCpuAvx2;
  if (has("avx_vnni")) expected |= kCpuAvxVnni;
  if (has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl")) expected |= kCpuAvx512;
  if (has("avx512_vnni")) expected |= kCpuAvx512Vnni;
  if (has("avx512_bf16")) expected |= kCpuAvx512Bf16;
  EXPECT_EQ(CpuFeatureNames(DetectCpuFeatures()), CpuFeatureNames(expected));
}
#endif

#if defined(__linux__)
TEST(Machine, CoresFollowTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_LE(NumUsableCores(), CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  // In a thread of its own, whose mask nobody else has.
  int num_cores = 0;
  std::thread([&] {
    if (sched_setaffinity(0, sizeof(one), &one) == 0) num_cores = NumUsableCores();
  }).join();
  EXPECT_EQ(num_cores, 1);
}

TEST(Machine, PeakMemoryGrowsWithUse) {
  const std::uint64_t before = PeakResidentBytes();
  EXPECT_GT(before, 0u);
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  std::vector<char> held(kBytes, 1);
  EXPECT_GE(PeakResidentBytes(), before / 2 + kBytes / 2);
  EXPECT_EQ(held[kBytes - 1], 1);
}

TEST(Machine, AvailableMemoryIsSomethingButNotMoreThanTheMachineHas) {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::uint64_t total_kib = 0;
  meminfo >> key >> total_kib;
  ASSERT_EQ(key, "MemTotal:");
  EXPECT_GT(AvailableMemoryBytes(), 0u);
  EXPECT_LE(AvailableMemoryBytes(), total_kib * 1024);
}
#endif

TEST(Machine, HasAtLeastOneCore) { EXPECT_GE(NumUsableCores(), 1); }

TEST(Machine, TheClockRunsForward) {
  const double before = MonotonicSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_GE(MonotonicSeconds() - before, 0.004);
}

#if defined(__linux__)
TEST(Machine, ProcessorTimeCountsWorkOfAllThreadsAndNoSleep) {
  const double before = ProcessorSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(ProcessorSeconds() - before, 0.15);
  std::thread([before] {
    while (ProcessorSeconds() - before < 0.2) {
    }
  }).join();
  EXPECT_GE(ProcessorSeconds() - before, 0.2);
}
#endif

}  // namespace
}  // namespace thimble
