// SPDX-License-Identifier: Apache-2.0
// What a pass has to do at least, against numbers computed by hand from a fixture's shapes; and a bench over it.
#include "model/workload.h"

#include "conformance/loaded_model.h"
#include "host/find_model.h"
#include "measure/bench.h"
#include "measure/least_time.h"

#include <gtest/gtest.h>

namespace thimble::testing {
namespace {

// vl: D 64, F 160, V 2048, tied; H 2, G 1, C 64; E = U = 4, S 16, 4 taps; three delta layers and one of attention.
// A panel of Q8_0 is 16 rows: 1,088 bytes for 64 columns, 2,176 for 128, 2,752 for 160, 4,352 for 256.
constexpr std::uint64_t kAttentionBytes = (16 + 4 + 4) * 1088 + 4 * 2176 + 2 * 64 * 4;  // q k v, out, two norms
constexpr std::uint64_t kDeltaBytes = (12 + 4 + 1 + 1 + 4) * 1088                       // qkv z beta alpha out
                                      + (192 * 4 + 4 + 4 + 16) * 4;                     // conv a dt norm
constexpr std::uint64_t kMlpBytes = 2 * 10 * 1088 + 4 * 2752;                           // gate up, down
constexpr std::uint64_t kNormBytes = (4 * 2 + 1) * 64 * 4;                              // two a layer, the last one
constexpr std::uint64_t kHeadBytes = 128 * 1088;                                        // the embedding's panels
constexpr std::uint64_t kAttentionRow = 256 * 64 + 2 * 64 * 64 + 64 * 128;              // multiply-adds
constexpr std::uint64_t kDeltaRow = 192 * 64 + 64 * 64 + 2 * 4 * 64 + 64 * 64;
constexpr std::uint64_t kMlpRow = 3 * 160 * 64;
constexpr std::uint64_t kPackedRow = kAttentionRow + 3 * kDeltaRow + 4 * kMlpRow;
constexpr std::uint64_t kHeadRow = 2048 * 64;
constexpr std::uint64_t kRecurrence = 3 * (3 * 4 * 16 * 16 + 4 * 192);  // of the delta rule and the convolution

class WorkloadOfVl : public ::testing::Test {
 protected:
  LoadedModel model_{Fixture("gguf/vl-q8_0.gguf"), Fixture("gguf/mmproj-vl-q8_0.gguf"), Precision::kFast};

  [[nodiscard]] Workload Pass(std::int64_t first, std::int64_t rows, std::int64_t logits) const {
    return PassWorkload(model_.config, model_.weights, KvType::kF16, first, rows, logits);
  }
};

TEST_F(WorkloadOfVl, DecodingATokenReadsEverythingOnce) {
  const Workload work = Pass(10, 1, 1);
  EXPECT_EQ(work.weight_bytes, kAttentionBytes + 3 * kDeltaBytes + 4 * kMlpBytes + kNormBytes + kHeadBytes);
  EXPECT_EQ(work.weight_bytes, 389'280u);
  EXPECT_EQ(work.state_bytes, 3u * 2 * (4 * 16 * 16 + 3 * 192) * 4);  // states and tails, read and written
  EXPECT_EQ(work.kv_bytes, 11u * 2 * 64 * 2);                         // ten tokens read, one written, halves
  EXPECT_EQ(work.int8_multiply_adds, kPackedRow + kHeadRow);
  EXPECT_EQ(work.float_multiply_adds, 2u * 11 * 2 * 64 + kRecurrence);
  EXPECT_EQ(work.bytes(), work.weight_bytes + work.state_bytes + work.kv_bytes);
}

TEST_F(WorkloadOfVl, APassReadsWeightsOnceForAllItsRows) {
  const Workload work = Pass(10, 5, 1);
  EXPECT_EQ(work.weight_bytes, Pass(0, 1, 1).weight_bytes);
  EXPECT_EQ(work.state_bytes, Pass(0, 1, 1).state_bytes);
  EXPECT_EQ(work.kv_bytes, 15u * 2 * 64 * 2);
  EXPECT_EQ(work.int8_multiply_adds, 5 * kPackedRow + kHeadRow);
  // Rows see 11, 12, 13, 14 and 15 tokens.
  EXPECT_EQ(work.float_multiply_adds, 2u * 65 * 2 * 64 + 5 * kRecurrence);
  const Workload silent = Pass(10, 5, 0);
  EXPECT_EQ(work.weight_bytes - silent.weight_bytes, kHeadBytes);
  EXPECT_EQ(work.int8_multiply_adds - silent.int8_multiply_adds, kHeadRow);
}

TEST_F(WorkloadOfVl, PassesAddUp) {
  Workload sum = Pass(0, 3, 0);
  sum += Pass(3, 2, 1);
  EXPECT_EQ(sum.multiply_adds(), Pass(0, 5, 1).multiply_adds());
  EXPECT_EQ(sum.weight_bytes, 2 * Pass(0, 5, 0).weight_bytes + kHeadBytes);
}

TEST_F(WorkloadOfVl, APictureGoesThroughTheTower) {
  // 24 patches of one frame, six merged rows; two blocks of width 64, MLP 128. The patch matrix is float32.
  const Workload work = PictureWorkload(*model_.config.vision, *model_.weights.vision, 1, 4, 6);
  const std::uint64_t block_row = 192 * 64 + 64 * 64 + 2 * 128 * 64;
  EXPECT_EQ(work.int8_multiply_adds, 24 * 2 * block_row + 6u * (256 * 256 + 64 * 256));
  EXPECT_EQ(work.float_multiply_adds, 24u * 64 * 1536 + 2 * (2 * 24 * 24 * 64));
  const std::uint64_t block_bytes = (12 + 4 + 8) * 1088 + 4 * 2176 + (4 * 64 + 192 + 64 + 128 + 64) * 4;
  EXPECT_EQ(work.weight_bytes,
            64u * 1536 * 4 + 64 * 4 + 144 * 64 * 4 + 2 * block_bytes + (16 + 4) * 4352 + (2 * 64 + 256 + 64) * 4);
  // Two frames: twice the rows, but patches see their own frame only.
  const Workload video = PictureWorkload(*model_.config.vision, *model_.weights.vision, 2, 4, 6);
  EXPECT_EQ(video.multiply_adds(), 2 * work.multiply_adds());
  EXPECT_EQ(video.weight_bytes, work.weight_bytes);
  EXPECT_EQ(PictureMultiplyAdds(*model_.config.vision, 1, 4, 6), work.multiply_adds());
  EXPECT_EQ(PictureMultiplyAdds(*model_.config.vision, 2, 4, 6), video.multiply_adds());
}

TEST(Workload, AnOutputMatrixOfItsOwnIsReadInsteadOfTheEmbedding) {
  const LoadedModel model(Fixture("gguf/text-untied-q8_0.gguf"), "", Precision::kFast);
  const Workload with = PassWorkload(model.config, model.weights, KvType::kF16, 0, 1, 1);
  const Workload without = PassWorkload(model.config, model.weights, KvType::kF16, 0, 1, 0);
  EXPECT_EQ(with.weight_bytes - without.weight_bytes, model.weights.output.size_bytes());
  EXPECT_GT(model.weights.output.size_bytes(), 0u);
}

TEST(Workload, WithoutPackingEverythingIsFloat) {
  const LoadedModel model(Fixture("gguf/vl-q8_0.gguf"), "", Precision::kExact);
  const Workload work = PassWorkload(model.config, model.weights, KvType::kF32, 0, 1, 1);
  EXPECT_EQ(work.int8_multiply_adds, 0u);
  EXPECT_EQ(work.float_multiply_adds, kPackedRow + kHeadRow + 2u * 1 * 2 * 64 + kRecurrence);
  EXPECT_EQ(work.kv_bytes, 1u * 2 * 64 * 4);
}

TEST(LeastTime, IsTheLongerOfReadingAndMultiplying) {
  MachineLimits limits;
  limits.read_bytes = 100;
  limits.int8_multiply_adds = 1000;
  limits.float_multiply_adds = 10;
  Workload work;
  work.weight_bytes = 250;
  work.state_bytes = 40;
  work.kv_bytes = 10;
  work.int8_multiply_adds = 1000;
  work.float_multiply_adds = 15;
  LeastTime least = LeastTimeFor(work, limits);
  EXPECT_DOUBLE_EQ(least.seconds, 3.0);
  EXPECT_TRUE(least.is_memory_bound);
  work.int8_multiply_adds = 4000;
  least = LeastTimeFor(work, limits);
  EXPECT_DOUBLE_EQ(least.seconds, 5.5);
  EXPECT_FALSE(least.is_memory_bound);
  limits.read_bytes = 0;
  EXPECT_EQ(LeastTimeFor(work, limits).seconds, 0);
}

TEST(BenchTest, RunsWhatItCounts) {
  host::OpenOptions open;
  open.model = Fixture("gguf/vl-q8_0.gguf");
  open.context = 600;
  open.threads = 2;
  const auto engine = Get(host::OpenModel(open));
  bool goes_on = true;
  const auto bench = Get(Bench::Create(engine, 600, [&] { return goes_on; }));
  EXPECT_GT(Get(bench->ReadPrompt(600)), 0);  // two passes
  // Their rows together, the head once.
  EXPECT_EQ(bench->PromptWork(600).int8_multiply_adds, 600 * kPackedRow + kHeadRow);
  EXPECT_EQ(bench->DecodeWork(2).kv_bytes, (1u + 2) * 2 * 64 * 2);
  Get(bench->Fill(590));
  EXPECT_EQ(bench->DecodeWork(2).kv_bytes, (591u + 592) * 2 * 64 * 2);
  // Again and again from the same place: twenty tokens would not fit after 590.
  for (int run = 0; run < 2; ++run) {
    EXPECT_GT(Get(bench->Decode(10)), 0);
    EXPECT_GT(Get(bench->ReadPrompt(20)), 0);
  }
  const auto too_many = bench->Decode(11);
  ASSERT_FALSE(too_many.ok());
  EXPECT_EQ(too_many.error().code, Code::kExhausted);

  const Patches patches = Get(MakeBenchPicture(*engine, 320, 256));
  EXPECT_EQ(patches.resized.width, 320);
  EXPECT_EQ(patches.resized.height, 256);
  EXPECT_GT(Get(bench->EncodePicture(patches)), 0);
  EXPECT_GT(bench->PictureWork(patches).multiply_adds(), 0u);

  goes_on = false;
  EXPECT_EQ(bench->ReadPrompt(5).error().code, Code::kCancelled);
  EXPECT_EQ(bench->Decode(1).error().code, Code::kCancelled);
  EXPECT_EQ(bench->EncodePicture(patches).error().code, Code::kCancelled);
  EXPECT_EQ(bench->MeasureMachine(1).error().code, Code::kCancelled);
}

TEST(BenchTest, AModelWithoutTowerEncodesNothing) {
  host::OpenOptions open;
  open.model = Fixture("models/text-tied");
  open.context = 16;
  const auto engine = Get(host::OpenModel(open));
  const auto made = MakeBenchPicture(*engine, 64, 64);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, Code::kUnsupported);
  EXPECT_NE(made.error().message.find("cannot see"), std::string::npos);
  const auto bench = Get(Bench::Create(engine, 16, {}));
  EXPECT_EQ(bench->EncodePicture(Patches{}).error().code, Code::kUnsupported);
  EXPECT_EQ(bench->PictureWork(Patches{}).bytes(), 0u);
}

}  // namespace
}  // namespace thimble::testing
