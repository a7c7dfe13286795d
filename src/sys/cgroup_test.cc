// SPDX-License-Identifier: Apache-2.0
#if defined(__linux__)
#include "sys/cgroup_linux.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace thimble {
namespace {

// A made-up /proc and /sys under a folder.
class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::path(::testing::TempDir()) / (std::string("cgroup_") + test->name());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& content) {
    const std::filesystem::path full = root_ / path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
  }
  CgroupLimits Read() { return ReadCgroupLimits(root_.string()); }

  std::filesystem::path root_;
};

TEST_F(CgroupTest, NothingToReadLimitsNothing) {
  const CgroupLimits limits = Read();
  EXPECT_EQ(limits.num_cores, 0);
  EXPECT_FALSE(limits.has_memory_limit);
}

TEST_F(CgroupTest, Version2TakesTheTightestOfAllLevels) {
  Write("proc/self/cgroup", "0::/a/b\n");
  Write("sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
  Write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  Write("sys/fs/cgroup/a/b/memory.max", "max\n");
  Write("sys/fs/cgroup/a/b/memory.current", "900\n");
  Write("sys/fs/cgroup/a/memory.max", "1000\n");
  Write("sys/fs/cgroup/a/memory.current", "700\n");
  Write("sys/fs/cgroup/a/memory.stat", "anon 500\nfile 200\nactive_file 50\ninactive_file 150\n");
  const CgroupLimits limits = Read();
  EXPECT_DOUBLE_EQ(limits.num_cores, 1.5);
  EXPECT_TRUE(limits.has_memory_limit);
  EXPECT_EQ(limits.memory_bytes, 500u);  // 1000 - (700 - 200)
}

TEST_F(CgroupTest, Version2InsideAContainerSeesOnlyTheMount) {
  Write("proc/self/cgroup", "0::/../../docker/1234\n");
  Write("sys/fs/cgroup/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/memory.max", "5000\n");
  Write("sys/fs/cgroup/memory.current", "6000\n");
  const CgroupLimits limits = Read();
  EXPECT_EQ(limits.num_cores, 0);
  EXPECT_TRUE(limits.has_memory_limit);
  EXPECT_EQ(limits.memory_bytes, 0u);  // already over: nothing left, and no wrap-around
}

TEST_F(CgroupTest, Version1) {
  Write("proc/self/cgroup", "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/docker/x\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "50000\n");
  Write("sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "123456\n");
  Write("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "1000\n");
  Write("sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes", "600\n");
  Write("sys/fs/cgroup/memory/docker/x/memory.stat", "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 0\n");
  const CgroupLimits limits = Read();
  EXPECT_DOUBLE_EQ(limits.num_cores, 0.5);
  EXPECT_EQ(limits.memory_bytes, 500u);
}

TEST_F(CgroupTest, NonsenseLimitsNothing) {
  Write("proc/self/cgroup", "no colons\n0:\n::\n0::/a\n");
  Write("sys/fs/cgroup/a/cpu.max", "lots of it\n");
  Write("sys/fs/cgroup/a/memory.max", "\n");
  const CgroupLimits limits = Read();
  EXPECT_EQ(limits.num_cores, 0);
  EXPECT_FALSE(limits.has_memory_limit);
}

}  // namespace
}  // namespace thimble
#endif
