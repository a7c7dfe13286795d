// SPDX-License-Identifier: Apache-2.0
// Several conversations in one pass: each gets the bits that it would get alone, whoever its companions are.
#include "conformance/loaded_model.h"

#include <gtest/gtest.h>

namespace thimble::testing {
namespace {

// A conversation that has read something and writes on: rows of each step as given ids, so that all steps are alike.
struct Talk {
  Talk(LoadedModel& model, std::size_t length, unsigned seed)
      : state(model.NewState()), rows(RandomIds(400, seed + 99)) {
    Feed(model, state, RandomIds(length, seed), LogitRows::kLast);
  }
  // The batch of the next `count` rows.
  Batch Next(std::size_t count) {
    ids = std::span(rows).subspan(at, count);
    positions = TextPositions(state.length(), count);
    at += count;
    return TextBatch(ids, positions, LogitRows::kLast);
  }

  DecoderState state;
  std::vector<std::int32_t> rows;
  std::span<const std::int32_t> ids;
  std::vector<Position> positions;
  std::size_t at = 0;
};

class Sequences : public ::testing::TestWithParam<std::tuple<const char*, Precision>> {};

TEST_P(Sequences, CompanionsChangeNobodysBits) {
  LoadedModel model(Fixture(std::get<0>(GetParam())), "", std::get<1>(GetParam()));
  const std::size_t lengths[] = {1, 3, 60, 63, 64, 130, 255, 256, 257, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50};
  constexpr int kSteps = 6;
  const auto rows_of = [](std::size_t talk, int step) {
    return talk % 5 == 0 ? std::size_t(1 + step % 4) : std::size_t{1};
  };
  // Alone.
  std::vector<std::vector<float>> wanted;
  for (std::size_t i = 0; i < std::size(lengths); ++i) {
    Talk talk(model, lengths[i], static_cast<unsigned>(i));
    std::vector<float>& all = wanted.emplace_back();
    for (int step = 0; step < kSteps; ++step) {
      const Batch batch = talk.Next(rows_of(i, step));
      Get(model.decoder.Forward(batch, &talk.state, &model.scratch, model.ops));
      talk.state.CommitAll();
      const auto logits = model.scratch.logits().RowSpan(0);
      all.insert(all.end(), logits.begin(), logits.end());
    }
  }
  // Together: two, and more rows than the narrow form is meant for.
  for (const std::size_t count : {std::size_t{2}, std::size(lengths)}) {
    std::vector<Talk> talks;
    for (std::size_t i = 0; i < count; ++i) talks.emplace_back(model, lengths[i], static_cast<unsigned>(i));
    std::vector<std::vector<float>> found(count);
    for (int step = 0; step < kSteps; ++step) {
      std::vector<Batch> batches;
      std::vector<Sequence> sequences;
      for (std::size_t i = 0; i < count; ++i) batches.push_back(talks[i].Next(rows_of(i, step)));
      for (std::size_t i = 0; i < count; ++i) sequences.push_back({&batches[i], &talks[i].state});
      Get(model.decoder.Forward(sequences, &model.scratch, model.ops));
      for (std::size_t i = 0; i < count; ++i) {
        talks[i].state.CommitAll();
        const auto logits = model.scratch.logits().RowSpan(static_cast<std::int64_t>(i));
        found[i].insert(found[i].end(), logits.begin(), logits.end());
      }
    }
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(found[i], wanted[i]) << "conversation " << i << " of " << count;
  }
}

TEST_P(Sequences, OneThatDoesNotFitChangesNone) {
  LoadedModel model(Fixture(std::get<0>(GetParam())), "", std::get<1>(GetParam()));
  Talk roomy(model, 20, 1);
  Talk full(model, 512, 2);
  const Batch first = roomy.Next(1);
  const Batch second = full.Next(1);
  const Sequence both[] = {{&first, &roomy.state}, {&second, &full.state}};
  const Status status = model.decoder.Forward(both, &model.scratch, model.ops);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kExhausted);
  EXPECT_EQ(roomy.state.num_pending(), 0);
  EXPECT_EQ(roomy.state.length(), 20);
}

INSTANTIATE_TEST_SUITE_P(Models, Sequences,
                         ::testing::Combine(::testing::Values("gguf/text-real-heads-q8_0.gguf", "models/vl",
                                                              "gguf/text-untied-q8_0.gguf"),
                                            ::testing::Values(Precision::kFast, Precision::kExact)),
                         [](const auto& a_case) {
                           return CaseName(std::get<0>(a_case.param)) +
                                  (std::get<1>(a_case.param) == Precision::kExact ? "_exact" : "_fast");
                         });

}  // namespace
}  // namespace thimble::testing
