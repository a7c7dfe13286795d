// SPDX-License-Identifier: Apache-2.0
#include "sys/topology.h"

#include "sys/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

namespace thimble {
namespace {

CpuTopology Equal(int num_cores, int threads_each = 1) {
  return {{CoreClass{num_cores, num_cores * threads_each, 1.0}}, num_cores * threads_each};
}
CpuTopology Phone() { return {{{1, 1, 1.0}, {3, 3, 0.8}, {4, 4, 0.25}}, 8}; }

TEST(Topology, FewEqualCoresLeaveNothingToMeasure) {
  for (int count = 1; count < 16; ++count) {
    EXPECT_EQ(ThreadCandidates(Equal(count)), std::vector<int>{count});
    EXPECT_EQ(DefaultThreads(Equal(count)), count);
  }
}

TEST(Topology, CandidatesGrowFromTheFastestCores) {
  EXPECT_EQ(ThreadCandidates(Phone()), (std::vector<int>{1, 4, 8}));
  EXPECT_EQ(ThreadCandidates(Equal(8, 2)), (std::vector<int>{8, 16}));
  EXPECT_EQ(ThreadCandidates({{{6, 12, 1.0}, {8, 8, 0.7}}, 20}), (std::vector<int>{6, 14, 20}));
  EXPECT_EQ(ThreadCandidates(Equal(16)), (std::vector<int>{8, 16}));
  EXPECT_EQ(ThreadCandidates(Equal(64, 2)), (std::vector<int>{16, 32, 64, 128}));
}

TEST(Topology, NoCandidateExceedsTheQuota) {
  CpuTopology phone = Phone();
  phone.num_usable = 3;
  EXPECT_EQ(ThreadCandidates(phone), (std::vector<int>{1, 3}));
  EXPECT_EQ(DefaultThreads(phone), 3);
  CpuTopology server = Equal(64, 2);
  server.num_usable = 4;
  EXPECT_EQ(ThreadCandidates(server), std::vector<int>{4});
  EXPECT_EQ(DefaultThreads(server), 4);
}

TEST(Topology, TheDefaultLeavesOutSiblingsAndMuchSlowerCores) {
  EXPECT_EQ(DefaultThreads(Phone()), 4);
  EXPECT_EQ(DefaultThreads(Equal(8, 2)), 8);
  EXPECT_EQ(DefaultThreads({{{6, 12, 1.0}, {8, 8, 0.7}}, 20}), 14);
}

TEST(Topology, ShareOfTheSlowestCore) {
  EXPECT_DOUBLE_EQ(SlowestShare(Equal(2), 2), 1.0);
  EXPECT_DOUBLE_EQ(SlowestShare(Equal(2, 2), 4), 1.0);
  EXPECT_DOUBLE_EQ(SlowestShare({{{1, 1, 1.0}, {1, 1, 0.25}}, 2}, 2), 0.4);
  EXPECT_DOUBLE_EQ(SlowestShare(Phone(), 1), 1.0);
  EXPECT_DOUBLE_EQ(SlowestShare(Phone(), 4), 0.8 * 4 / 3.4);
  EXPECT_DOUBLE_EQ(SlowestShare(Phone(), 8), 0.25 * 8 / 4.4);
  EXPECT_DOUBLE_EQ(SlowestShare(Phone(), 100), 0.25 * 8 / 4.4);
  EXPECT_DOUBLE_EQ(SlowestShare({}, 3), 1.0);
}

TEST(Topology, Text) {
  EXPECT_EQ(TopologyText(Equal(1)), "1 core");
  EXPECT_EQ(TopologyText(Phone()), "1 + 3 + 4 cores");
  EXPECT_EQ(TopologyText({{{6, 12, 1.0}, {8, 8, 0.7}}, 5}), "6 (2 threads each) + 8 cores, 5 usable");
  EXPECT_EQ(TopologyText({{{2, 3, 1.0}}, 3}), "2 (3 threads) cores");
}

TEST(Topology, OfThisMachine) {
  const CpuTopology here = DetectCpuTopology();
  EXPECT_EQ(here.num_usable, NumUsableCores());
  EXPECT_GE(here.num_processors(), here.num_usable);
  EXPECT_GE(here.num_cores(), 1);
  EXPECT_DOUBLE_EQ(here.classes.front().speed, 1.0);
  EXPECT_GE(DetectAllCores().num_processors(), here.num_usable);
}

#if defined(__linux__)
// A made-up /sys under a folder.
class TopologyFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::path(::testing::TempDir()) / (std::string("topology_") + test->name());
    std::filesystem::remove_all(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(int processor, const std::string& file, const std::string& content) {
    const std::filesystem::path full = root_ / "sys/devices/system/cpu" / ("cpu" + std::to_string(processor)) / file;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << content;
  }
  // As kernels write it: a processor with its siblings, its core's number and what tells its speed.
  void WriteProcessor(int processor, const std::string& siblings, int core, const std::string& speed_file, int speed) {
    Write(processor, "topology/thread_siblings_list", siblings + "\n");
    Write(processor, "topology/core_id", std::to_string(core) + "\n");
    Write(processor, "topology/physical_package_id", "0\n");
    Write(processor, speed_file, std::to_string(speed) + "\n");
  }
  std::string Read(const std::vector<int>& allowed, int num_usable) {
    return TopologyText(ReadCpuTopology(root_.string(), allowed, num_usable));
  }
  std::string ReadAll(int count) {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return Read(all, count);
  }

  std::filesystem::path root_;
};

TEST_F(TopologyFilesTest, PhoneWithThreeKindsOfCores) {
  // Little cores first, as phones number them. Their core_id repeats in every cluster.
  for (int i = 0; i < 4; ++i) WriteProcessor(i, std::to_string(i), i, "cpu_capacity", 250);
  for (int i = 4; i < 7; ++i) WriteProcessor(i, std::to_string(i), i - 4, "cpu_capacity", 768);
  WriteProcessor(7, "7", 0, "cpu_capacity", 1024);
  EXPECT_EQ(ReadAll(8), "1 + 3 + 4 cores");
  const CpuTopology phone = ReadCpuTopology(root_.string(), std::vector<int>{0, 1, 4, 7}, 4);
  ASSERT_EQ(phone.classes.size(), 3u);
  EXPECT_DOUBLE_EQ(phone.classes[1].speed, 0.75);
  EXPECT_EQ(phone.classes[0].processors, std::vector<int>{7});
  EXPECT_EQ(phone.classes[2].processors, (std::vector<int>{0, 1}));
  EXPECT_EQ(ThreadCandidates(phone), (std::vector<int>{1, 2, 4}));
  EXPECT_EQ(Read({0, 1, 2, 3}, 4), "4 cores");  // an app in the background gets little cores only
}

TEST_F(TopologyFilesTest, ProcessorsThatThereAre) {
  const auto present = [&](const std::string& list) {
    std::filesystem::create_directories(root_ / "sys/devices/system/cpu");
    std::ofstream(root_ / "sys/devices/system/cpu/present") << list;
    return PresentProcessors(root_.string());
  };
  EXPECT_EQ(PresentProcessors(root_.string()), std::vector<int>{});
  EXPECT_EQ(present("0-3\n"), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(present("0,4-5,4\n"), (std::vector<int>{0, 4, 5}));
  for (const char* list : {"", "x", "0-", "0-2147483647", "-1", "0,,1"})
    EXPECT_EQ(present(list), std::vector<int>{}) << list;
}

TEST_F(TopologyFilesTest, LaptopWithFastCoresOfTwoThreads) {
  for (int i = 0; i < 12; ++i) {
    const int even = i / 2 * 2;
    // Two favoured cores are a little faster than the others.
    WriteProcessor(i, std::to_string(even) + "-" + std::to_string(even + 1), i / 2, "cpufreq/cpuinfo_max_freq",
                   even == 4 || even == 6 ? 5200000 : 5000000);
  }
  for (int i = 12; i < 20; ++i) WriteProcessor(i, std::to_string(i), i, "cpufreq/cpuinfo_max_freq", 3800000);
  EXPECT_EQ(ReadAll(20), "6 (2 threads each) + 8 cores");
  EXPECT_EQ(Read({0, 2, 4, 12}, 4), "3 + 1 cores");
}

TEST_F(TopologyFilesTest, SiblingsThatLieFarApart) {
  for (int i = 0; i < 4; ++i) {
    const int first = i % 2;
    WriteProcessor(i, std::to_string(first) + "," + std::to_string(first + 2), first, "cpu_capacity", 1024);
  }
  EXPECT_EQ(ReadAll(4), "2 (2 threads each) cores");
}

TEST_F(TopologyFilesTest, ContainerWithAMaskAndAQuota) {
  for (int i = 0; i < 64; ++i) {
    WriteProcessor(i, std::to_string(i % 32) + "," + std::to_string(i % 32 + 32), i % 32, "cpu_capacity", 1024);
  }
  EXPECT_EQ(Read({3, 5, 35, 40}, 4), "3 (4 threads) cores");
  EXPECT_EQ(Read({3, 35}, 2), "1 (2 threads each) core");
  EXPECT_EQ(ReadAll(64), "32 (2 threads each) cores");
  EXPECT_EQ(Read({0, 1, 2, 3}, 2), "4 cores, 2 usable");
}

TEST_F(TopologyFilesTest, MissingFilesMeanEqualCores) {
  EXPECT_EQ(ReadAll(6), "6 cores");
  EXPECT_EQ(Read({}, 3), "3 cores");  // not even the mask is known
  EXPECT_EQ(Read({}, 0), "1 core");
  // One processor without a list: then core_id tells; one without a speed: then all are equal.
  for (int i = 0; i < 4; ++i) WriteProcessor(i, std::to_string(i / 2 * 2), i / 2, "cpu_capacity", i < 2 ? 1024 : 300);
  Write(1, "topology/thread_siblings_list", "0-1");
  Write(3, "topology/thread_siblings_list", "");
  EXPECT_EQ(ReadAll(4), "1 (2 threads each) + 1 (2 threads each) cores");
  std::filesystem::remove(root_ / "sys/devices/system/cpu/cpu2/cpu_capacity");
  EXPECT_EQ(ReadAll(4), "2 (2 threads each) cores");
  std::filesystem::remove(root_ / "sys/devices/system/cpu/cpu2/topology/core_id");
  EXPECT_EQ(ReadAll(4), "4 cores");
}

TEST_F(TopologyFilesTest, HostileContentsAreNoTopology) {
  const std::string endless(100000, '1');
  for (const std::string& list :
       {std::string("0-"), std::string("1-0"), std::string("-1"), std::string("0,,1"), std::string("0-99999999999999"),
        std::string("x"), std::string("7"), std::string("0-1\0,", 5), endless, std::string("\n")}) {
    for (int i = 0; i < 2; ++i) Write(i, "topology/thread_siblings_list", list);
    EXPECT_EQ(ReadAll(2), "2 cores") << list.substr(0, 20);
  }
  for (const std::string& speed : {std::string("0"), std::string("-5"), std::string("fast"), std::string("1e9"),
                                   std::string("99999999999999999999"), endless, std::string("100 200")}) {
    Write(0, "cpu_capacity", speed);
    Write(1, "cpu_capacity", "100");
    EXPECT_EQ(ReadAll(2), "2 cores") << speed.substr(0, 20);
  }
  // A huge range that holds the processor is a list all the same.
  for (int i = 0; i < 2; ++i) Write(i, "topology/thread_siblings_list", "0-2147483647");
  EXPECT_EQ(ReadAll(2), "1 (2 threads each) core");
  // A folder where a file should be.
  std::filesystem::remove(root_ / "sys/devices/system/cpu/cpu0/topology/thread_siblings_list");
  std::filesystem::create_directory(root_ / "sys/devices/system/cpu/cpu0/topology/thread_siblings_list");
  EXPECT_EQ(ReadAll(2), "2 cores");
}
#endif

}  // namespace
}  // namespace thimble
