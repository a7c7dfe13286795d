// SPDX-License-Identifier: Apache-2.0
#include "measure/model_bench.h"

#include "conformance/loaded_model.h"
#include "host/find_model.h"

#include <gtest/gtest.h>

namespace thimble {
namespace {

using testing::Fixture;
using testing::Get;

std::shared_ptr<const Engine> OpenVl(int context) {
  host::OpenOptions open;
  open.model = Fixture("gguf/vl-q8_0.gguf");
  open.context = context;
  open.threads = 2;
  return Get(host::OpenModel(open));
}

TEST(Median, IsTheMiddleOrBetweenTheMiddleTwo) {
  EXPECT_EQ(MedianOf({}), 0);
  EXPECT_EQ(MedianOf({3, 1, 2}), 2);
  EXPECT_EQ(MedianOf({4, 1, 2, 3}), 2.5);
}

TEST(Ratios, AreOfEachRound) {
  SessionsReport report;
  report.one = {10, 0, 20};
  report.all = {25, 7, 30};
  EXPECT_EQ(Ratios(report), (std::vector<double>{2.5, 1.5}));
}

TEST(BenchRuns, AreHeldAgainstTheMachine) {
  MachineLimits limits;
  limits.read_bytes = 100;
  limits.int8_multiply_adds = 1000;
  limits.float_multiply_adds = 1000;
  BenchRuns runs{4, {3, 2, 4}, {}};
  runs.work.weight_bytes = 150;
  runs.work.int8_multiply_adds = 500;
  EXPECT_EQ(runs.Fastest(), 2);
  EXPECT_EQ(runs.Slowest(), 4);
  EXPECT_EQ(runs.PercentOfLimit(limits), 50);  // 1.5 s of 3
  EXPECT_TRUE(runs.IsMemoryBound(limits));
  runs.work.int8_multiply_adds = 5000;
  EXPECT_FALSE(runs.IsMemoryBound(limits));
}

TEST(ModelBench, MeasuresWhatIsPlanned) {
  const auto engine = OpenVl(64);
  BenchPlan plan;
  plan.prompt = 20;
  plan.decode = 3;
  plan.depth = 5;
  plan.picture = ImageSize{256, 320};
  plan.repeat = 2;
  plan.sessions = 2;
  double share = 0;
  double together = 0;
  plan.goes_on = [] { return true; };
  plan.progress = [&](double s) { share = s; };
  plan.sessions_progress = [&](double s) { together = s; };
  const BenchReport report = Get(MeasureModel(engine, plan));
  EXPECT_EQ(share, 1);
  EXPECT_GT(together, 0);
  ASSERT_TRUE(report.prompt.has_value() && report.decode.has_value() && report.image.has_value());
  EXPECT_EQ(report.prompt->seconds.size(), 2u);
  EXPECT_EQ(report.decode->seconds.size(), 2u);
  EXPECT_EQ(report.image->tokens, 80);
  EXPECT_GT(report.prompt->PercentOfLimit(report.limits), 0);
  ASSERT_TRUE(report.sessions.has_value());
  EXPECT_EQ(report.sessions->all.size(), 2u);
  EXPECT_EQ(FileTypes(engine->text_file()).substr(0, 5), "Q8_0 ");
}

TEST(ModelBench, RefusesWhatHasNoRoomAndStopsWhenTold) {
  const auto engine = OpenVl(64);
  BenchPlan plan;
  plan.decode = 60;
  plan.depth = 5;
  const auto too_long = MeasureModel(engine, plan);
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().code, Code::kExhausted);
  plan.decode = 3;
  plan.goes_on = [] { return false; };
  const auto stopped = MeasureModel(engine, plan);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace thimble
