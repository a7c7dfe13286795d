// SPDX-License-Identifier: Apache-2.0
// What must hold whatever the numbers are: cutting prompts, keeping parts of passes, going back, threads.
#include "conformance/loaded_model.h"

#include <gtest/gtest.h>

namespace thimble::testing {
namespace {

// Logits after `ids` fed in the given cuts, then eight greedy steps' logits.
std::vector<float> Outcome(LoadedModel& model, std::span<const std::int32_t> ids, std::span<const std::size_t> cuts) {
  DecoderState state = model.NewState();
  std::size_t at = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : ids.size();
    Feed(model, state, ids.subspan(at, end - at), LogitRows::kLast);
    at = end;
  }
  std::vector<float> all;
  for (int step = 0; step < 8; ++step) {
    const auto logits = model.scratch.logits().RowSpan(0);
    all.insert(all.end(), logits.begin(), logits.end());
    const std::int32_t id = ArgMax(logits);
    Feed(model, state, {&id, 1}, LogitRows::kLast);
  }
  return all;
}

class Invariants : public ::testing::TestWithParam<std::tuple<const char*, Precision>> {
 protected:
  [[nodiscard]] std::string Path() const { return Fixture(std::get<0>(GetParam())); }
  [[nodiscard]] Precision Mode() const { return std::get<1>(GetParam()); }
};

TEST_P(Invariants, CutsAtMultiplesOf64GiveTheSameBitsAndOthersNearlyThose) {
  LoadedModel model(Path(), "", Mode());
  const auto ids = RandomIds(300, 1);
  const auto whole = Outcome(model, ids, {});
  EXPECT_EQ(Outcome(model, ids, std::vector<std::size_t>{64}), whole);
  EXPECT_EQ(Outcome(model, ids, std::vector<std::size_t>{64, 128, 192, 256}), whole);
  EXPECT_EQ(Outcome(model, ids, std::vector<std::size_t>{128, 256}), whole);
  // Elsewhere sums have another order. Only the first logits are compared: later ones depend on the tokens chosen.
  std::vector<std::size_t> ones;
  for (std::size_t i = 1; i < ids.size(); ++i) ones.push_back(i);
  std::vector<std::size_t> sevens;
  for (std::size_t i = 7; i < ids.size(); i += 7) sevens.push_back(i);
  const auto vocab = static_cast<std::size_t>(model.config.vocab);
  for (const auto& cuts : {std::vector<std::size_t>{100}, sevens, ones}) {
    const auto other = Outcome(model, ids, cuts);
    const std::span<const float> a = std::span(other).first(vocab);
    const std::span<const float> b = std::span(whole).first(vocab);
    if (Mode() == Precision::kExact) {
      EXPECT_LT(LargestDifference(a, b), 1e-3F);
    } else {
      EXPECT_LT(RelativeRms(a, b), 0.1);
    }
  }
}

TEST_P(Invariants, ThreadsDoNotChangeABit) {
  const auto ids = RandomIds(150, 2);
  std::vector<float> first;
  for (const int threads : {1, 2, 3, 5}) {
    LoadedModel model(Path(), "", Mode(), threads);
    const auto outcome = Outcome(model, ids, {});
    if (first.empty()) first = outcome;
    EXPECT_EQ(outcome, first) << threads << " threads";
  }
}

TEST_P(Invariants, KeepingAPartOfAPassIsAsIfTheRestHadNeverRun) {
  LoadedModel model(Path(), "", Mode());
  const auto ids = RandomIds(90, 3);
  for (const int kept : {0, 1, 2, 4, 6}) {
    // Plain steps.
    DecoderState plain = model.NewState();
    Feed(model, plain, std::span(ids).first(70), LogitRows::kLast);
    for (int i = 0; i < kept; ++i)
      Feed(model, plain, std::span(ids).subspan(70 + static_cast<std::size_t>(i), 1), LogitRows::kLast);
    Feed(model, plain, std::span(ids).subspan(80, 1), LogitRows::kLast);
    const auto row = model.scratch.logits().RowSpan(0);
    const std::vector<float> wanted(row.begin(), row.end());
    // Six pending rows, some of which are kept.
    DecoderState drafted = model.NewState();
    Feed(model, drafted, std::span(ids).first(70), LogitRows::kLast);
    const auto positions = TextPositions(70, 6);
    Get(model.decoder.Forward(TextBatch(std::span(ids).subspan(70, 6), positions, LogitRows::kAll), &drafted,
                              &model.scratch, model.ops));
    EXPECT_EQ(drafted.num_pending(), 6);
    model.decoder.Commit(kept, &drafted, &model.scratch, model.ops);
    EXPECT_EQ(drafted.length(), 70 + kept);
    Feed(model, drafted, std::span(ids).subspan(80, 1), LogitRows::kLast);
    const auto got = model.scratch.logits().RowSpan(0);
    EXPECT_EQ(std::vector<float>(got.begin(), got.end()), wanted) << kept << " kept";
  }
}

TEST_P(Invariants, GoingBackToACheckpointGivesTheSameBits) {
  LoadedModel model(Path(), "", Mode());
  const auto ids = RandomIds(120, 4);
  DecoderState state = model.NewState();
  Feed(model, state, std::span(ids).first(75), LogitRows::kLast);
  const Checkpoint checkpoint = Get(state.Save());
  Feed(model, state, std::span(ids).subspan(75), LogitRows::kLast);
  const auto row = model.scratch.logits().RowSpan(0);
  const std::vector<float> wanted(row.begin(), row.end());
  Feed(model, state, std::span(ids).first(9), LogitRows::kLast);
  state.Restore(checkpoint);
  EXPECT_EQ(state.length(), 75);
  Feed(model, state, std::span(ids).subspan(75), LogitRows::kLast);
  const auto got = model.scratch.logits().RowSpan(0);
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), wanted);
}

// Pages are shared until somebody writes into one: neither state sees what the other writes.
TEST_P(Invariants, StatesThatShareABeginningGoTheirOwnWays) {
  LoadedModel model(Path(), "", Mode());
  const auto ids = RandomIds(120, 4);
  const auto others = RandomIds(120, 9);
  const auto go_on = [&](DecoderState& state, std::span<const std::int32_t> rest) {
    Feed(model, state, rest, LogitRows::kLast);
    const auto row = model.scratch.logits().RowSpan(0);
    return std::vector<float>(row.begin(), row.end());
  };
  const auto parts_of = [](const DecoderState& state) {
    std::vector<std::vector<std::byte>> parts;
    state.ForEachPart([&](const StatePart& part) { parts.emplace_back(part.bytes.begin(), part.bytes.end()); });
    return parts;
  };
  std::vector<std::vector<float>> wanted;
  for (const auto& rest : {ids, others}) {
    DecoderState alone = model.NewState();
    Feed(model, alone, std::span(ids).first(75), LogitRows::kLast);
    wanted.push_back(go_on(alone, std::span(rest).subspan(75)));
  }
  DecoderState one = model.NewState();
  Feed(model, one, std::span(ids).first(75), LogitRows::kLast);
  const Checkpoint checkpoint = Get(one.Save());
  const auto parts = parts_of(one);
  DecoderState two = model.NewState();
  two.Restore(checkpoint);
  EXPECT_EQ(two.length(), 75);
  EXPECT_EQ(parts_of(two), parts);
  EXPECT_EQ(parts.size(), checkpoint.pages().size() + 1);
  EXPECT_EQ(go_on(two, std::span(others).subspan(75)), wanted[1]);
  EXPECT_EQ(parts_of(one), parts);
  EXPECT_EQ(go_on(one, std::span(ids).subspan(75)), wanted[0]);
  two.Restore(checkpoint);
  EXPECT_EQ(parts_of(two), parts);
}

TEST(State, AFullContextIsRefusedAndNothingIsLost) {
  LoadedModel model(Fixture("models/vl"), "", Precision::kExact);
  DecoderState state = model.NewState(10);
  const auto ids = RandomIds(11, 5);
  Feed(model, state, std::span(ids).first(8), LogitRows::kLast);
  const auto positions = TextPositions(8, 3);
  const auto status = model.decoder.Forward(TextBatch(std::span(ids).subspan(8), positions, LogitRows::kLast), &state,
                                            &model.scratch, model.ops);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kExhausted);
  EXPECT_EQ(state.length(), 8);
  Feed(model, state, std::span(ids).subspan(8, 2), LogitRows::kLast);
  EXPECT_EQ(state.length(), 10);
}

INSTANTIATE_TEST_SUITE_P(Models, Invariants,
                         ::testing::Combine(::testing::Values("models/text-untied", "gguf/text-real-heads-q8_0.gguf",
                                                              "gguf/text-tied-q8_0.gguf"),
                                            ::testing::Values(Precision::kExact, Precision::kFast)),
                         [](const auto& tested) {
                           return CaseName(std::get<0>(tested.param)) +
                                  (std::get<1>(tested.param) == Precision::kExact ? "_exact" : "_fast");
                         });

}  // namespace
}  // namespace thimble::testing
