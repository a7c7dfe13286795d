// SPDX-License-Identifier: Apache-2.0
// The choice of a thread count, and the file that remembers it.
#include "host/thread_choice.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using Timings = std::vector<ThreadTiming>;

class ThreadChoiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ::testing::TestInfo* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(::testing::TempDir()) / (std::string("thread_choice_") + test->name());
    fs::remove_all(folder_);
    question_.topology = {{{1, 1, 1.0}, {3, 3, 0.8}, {4, 4, 0.3}}, 8};
    question_.kernels = "neon kernels of 1";
    question_.file = (folder_ / "cache/threads.json").string();
    question_.measure = [this](std::span<const int> counts) -> Result<Timings> {
      asked_.emplace_back(counts.begin(), counts.end());
      return timings_;
    };
  }
  void TearDown() override { fs::remove_all(folder_); }

  ThreadChoice Choose(MeasureThreadsWhen when = MeasureThreadsWhen::kNeeded) {
    const auto choice = ChooseThreads(question_, when);
    EXPECT_TRUE(choice.ok());
    return choice.ok() ? choice.value() : ThreadChoice{0, choice.error().message};
  }
  void Write(const std::string& text) {
    fs::create_directories(fs::path(question_.file).parent_path());
    std::ofstream(question_.file) << text;
  }
  [[nodiscard]] std::string Content() const {
    std::ostringstream text;
    text << std::ifstream(question_.file).rdbuf();
    return text.str();
  }

  fs::path folder_;
  ThreadQuestion question_;
  Timings timings_ = {{1, 3.0, 3.0, 1}, {4, 1.0, 1.0, 1}, {8, 1.5, 0.98, 1}};
  std::vector<std::vector<int>> asked_;
};

TEST_F(ThreadChoiceTest, IsMeasuredOnce) {
  const ThreadChoice unmeasured = Choose(MeasureThreadsWhen::kNever);
  EXPECT_EQ(unmeasured.threads, 4);
  EXPECT_NE(unmeasured.why.find("not measured yet"), std::string::npos) << unmeasured.why;
  EXPECT_FALSE(fs::exists(folder_));

  timings_[2].decode_seconds = 0.5;
  const ThreadChoice measured = Choose();
  EXPECT_EQ(measured.threads, 8);
  EXPECT_EQ(asked_, (std::vector<std::vector<int>>{{1, 4, 8}}));
  EXPECT_NE(measured.why.find("1 + 3 + 4 cores, measured now"), std::string::npos) << measured.why;
  EXPECT_NE(measured.why.find("kept in " + question_.file), std::string::npos) << measured.why;

  for (const MeasureThreadsWhen when : {MeasureThreadsWhen::kNeeded, MeasureThreadsWhen::kNever}) {
    const ThreadChoice again = Choose(when);
    EXPECT_EQ(again.threads, 8);
    EXPECT_NE(again.why.find("as measured before (" + question_.file), std::string::npos) << again.why;
  }
  EXPECT_EQ(asked_.size(), 1u);

  timings_[2].decode_seconds = 1.5;
  EXPECT_EQ(Choose(MeasureThreadsWhen::kAnew).threads, 4);
  EXPECT_EQ(Choose().threads, 4);
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(ThreadChoiceTest, AMachineWithoutAChoiceIsMeasuredOnlyOnRequest) {
  question_.topology = {{{2, 2, 1.0}}, 2};
  const ThreadChoice both = Choose();
  EXPECT_EQ(both.threads, 2);
  EXPECT_NE(both.why.find("2 cores, no choice to measure"), std::string::npos) << both.why;
  EXPECT_TRUE(asked_.empty());
  EXPECT_FALSE(fs::exists(folder_));
  timings_ = {{1, 1.0, 1.0, 1}, {2, 0.99, 0.99, 1}};
  EXPECT_EQ(Choose(MeasureThreadsWhen::kAnew).threads, 1);
  EXPECT_EQ(asked_, (std::vector<std::vector<int>>{{1, 2}}));
  EXPECT_EQ(Choose().threads, 1);
}

TEST_F(ThreadChoiceTest, BelongsToAMachineKernelsAndAVersion) {
  EXPECT_EQ(Choose().threads, 4);
  question_.kernels = "neon_i8mm kernels of 1";
  timings_[2] = {8, 0.5, 0.5, 1};
  EXPECT_EQ(Choose().threads, 8);
  question_.topology.classes[2].speed = 0.5;
  timings_[0] = {1, 0.1, 0.1, 1};
  EXPECT_EQ(Choose().threads, 1);
  EXPECT_EQ(asked_.size(), 3u);
  question_.topology.classes[2].speed = 0.3;
  EXPECT_EQ(Choose().threads, 8);
  question_.kernels = "neon kernels of 1";
  EXPECT_EQ(Choose().threads, 4);
  EXPECT_EQ(asked_.size(), 3u);
  // The oldest are forgotten.
  for (int version = 2; version < 40; ++version) {
    question_.kernels = "neon kernels of " + std::to_string(version);
    Choose();
  }
  EXPECT_LT(Content().size(), 4096u);
  EXPECT_EQ(Choose().threads, 1);
  EXPECT_EQ(asked_.size(), 41u);
}

TEST_F(ThreadChoiceTest, WhatIsNoSuchFileIsMeasuredAndWrittenAnew) {
  Choose();
  const std::string good = Content();
  const auto with_threads = [&](const std::string& number) {
    std::string text = good;
    text.replace(text.find("\"threads\": 4") + 11, 1, number);
    return text;
  };
  const std::vector<std::string> broken = {"",
                                           good.substr(0, good.size() / 2),
                                           std::string(1 << 20, '['),
                                           "[]",
                                           "{\"choices\": 3}",
                                           "{\"choices\": [7, {\"machine\": 3, \"threads\": 4}, {}]}",
                                           with_threads("0"),
                                           with_threads("-4"),
                                           with_threads("9"),
                                           with_threads("1e30"),
                                           with_threads("\"4\""),
                                           with_threads("2.5"),
                                           std::string("\0\xff\xfe", 3)};
  for (const std::string& text : broken) {
    Write(text);
    asked_.clear();
    EXPECT_EQ(Choose().threads, 4);
    EXPECT_EQ(asked_.size(), 1u) << text.substr(0, 200);
    EXPECT_EQ(Content(), good) << text.substr(0, 200);
  }
}

TEST_F(ThreadChoiceTest, WhereNothingCanBeWrittenNothingIsRemembered) {
  fs::create_directories(question_.file);  // a folder in its place, for root too
  for (const std::string& file : {question_.file, std::string("/proc/nowhere/threads.json"), std::string()}) {
    question_.file = file;
    for (int i = 0; i < 2; ++i) {
      asked_.clear();
      const ThreadChoice choice = Choose();
      EXPECT_EQ(choice.threads, 4);
      EXPECT_EQ(asked_.size(), 1u);
      EXPECT_EQ(choice.why.find("kept"), std::string::npos) << choice.why;
    }
  }
}

TEST_F(ThreadChoiceTest, WhatWasMeasuredOnBusyCoresDoesNotCount) {
  timings_ = {{1, 1.0, 1.0, 1}, {4, 1.0, 1.0, 0.4}, {8, 1.0, 1.0, 0.3}};
  const ThreadChoice choice = Choose();
  EXPECT_EQ(choice.threads, 4);
  EXPECT_NE(choice.why.find("busy"), std::string::npos) << choice.why;
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(ThreadChoiceTest, WhatMeasuringReports) {
  question_.measure = [](std::span<const int>) -> Result<Timings> { return Error{Code::kExhausted, "no memory"}; };
  const ThreadChoice choice = Choose();
  EXPECT_EQ(choice.threads, 4);
  EXPECT_NE(choice.why.find("no memory"), std::string::npos) << choice.why;
  question_.measure = [](std::span<const int>) -> Result<Timings> { return Timings{}; };
  EXPECT_EQ(Choose().threads, 4);
  EXPECT_FALSE(fs::exists(folder_));
  question_.measure = [](std::span<const int>) -> Result<Timings> { return Error{Code::kCancelled, "stopped"}; };
  const auto cancelled = ChooseThreads(question_, MeasureThreadsWhen::kNeeded);
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code, Code::kCancelled);
}

// Whoever writes last wins; nobody ever reads half a file, and nothing is left over.
TEST_F(ThreadChoiceTest, SeveralAtOnce) {
  const auto choose_often = [this](int version) {
    ThreadQuestion question = question_;
    question.kernels = std::to_string(version);
    question.measure = [](std::span<const int>) -> Result<Timings> { return Timings{{4, 1.0, 1.0, 1}}; };
    for (int i = 0; i < 50; ++i) {
      const auto choice = ChooseThreads(question, MeasureThreadsWhen::kAnew);
      EXPECT_TRUE(choice.ok() && choice.value().threads == 4);
    }
  };
  std::thread other([&] { choose_often(1); });
  choose_often(2);
  other.join();
  EXPECT_EQ(Content().find("{\n  \"choices\": ["), 0u) << Content();
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "cache"), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace thimble::host
