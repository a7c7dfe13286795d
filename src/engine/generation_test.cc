// SPDX-License-Identifier: Apache-2.0
// Replies in steps: alone, with deadlines, several by one thread, forced tokens, filters.
#include "engine/generation.h"

#include "session_tools.h"
#include "sys/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace thimble::testing {
namespace {

GenerateRequest LongQuestion(int num_words, int max_tokens) {
  std::string words;
  for (int i = 0; i < num_words; ++i) words += "word " + std::to_string(i % 17) + " ";
  return Ask(words, max_tokens);
}

GenerateRequest PictureQuestion() {
  GenerateRequest request = Ask("", 6);
  request.chat().messages = {UserMessage("What is this?", "rgb.png")};
  request.pictures.push_back(LoadImage("rgb.png"));
  return request;
}

Reply StepThrough(Session* session, const GenerateRequest& request, double seconds, int* steps) {
  const auto generation = Get(Generation::Start(session, request, kNoSink));
  *steps = 1;
  while (generation->Step(seconds < 0 ? 1e-9 : seconds > 0 ? MonotonicSeconds() + seconds : 0)) ++*steps;
  EXPECT_TRUE(generation->is_done());
  return Get(generation->Finish());
}

TEST(Generation, LeftBetweenLayersItGivesTheSameBits) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, 1024);
  for (const GenerateRequest& request : {LongQuestion(150, 9), PictureQuestion()}) {
    const Reply wanted = Get(NewSession(engine)->Generate(request, kNoSink));
    int plain = 0;
    int hurried = 0;
    EXPECT_EQ(StepThrough(NewSession(engine).get(), request, 0, &plain).ids, wanted.ids);
    // A deadline that is always over: one layer a step.
    EXPECT_EQ(StepThrough(NewSession(engine).get(), request, -1, &hurried).ids, wanted.ids);
    EXPECT_GT(hurried, 2 * plain);
  }
}

TEST(Generation, FewerRowsAPassGiveTheSameBitsInLessMemory) {
  host::OpenOptions how;
  how.model = Fixture("models/text-tied");
  how.threads = 2;
  how.context = 2048;
  const GenerateRequest request = LongQuestion(200, 9);
  const auto wide = Get(host::OpenModel(how));
  const Reply wanted = Get(NewSession(wide)->Generate(request, kNoSink));
  ASSERT_GT(wanted.stats.prompt_tokens, 128);
  for (const int rows : {64, 128, 192}) {
    how.most_rows = rows;
    const auto narrow = Get(host::OpenModel(how));
    EXPECT_EQ(Get(NewSession(narrow)->Generate(request, kNoSink)).ids, wanted.ids) << rows;
    EXPECT_LT(narrow->memory_needs().activation_bytes, wide->memory_needs().activation_bytes);
  }
  for (const int rows : {0, 63, 100, 576}) {
    how.most_rows = rows;
    const auto refused = host::OpenModel(how);
    ASSERT_FALSE(refused.ok()) << rows;
    EXPECT_EQ(refused.error().code, Code::kInvalid);
  }
}

TEST(Generation, TellsHowLikelyTheModelFoundEachToken) {
  const auto engine = OpenModel("models/text-tied", Precision::kExact, 2, 512);
  GenerateRequest request = Ask("Why?", 20);
  request.think = ThinkMode::kOn;
  request.think_budget = 4;  // tokens of ours among them
  const Reply plain = Get(NewSession(engine)->Generate(request, kNoSink));
  request.top_logprobs = 3;
  std::vector<TokenChoice> choices;
  const Reply reply = Get(NewSession(engine)->Generate(request, [&](const Event& event) {
    if (event.kind == Event::Kind::kToken) choices.push_back(event.token);
    return true;
  }));
  EXPECT_EQ(reply.ids, plain.ids);
  ASSERT_EQ(choices.size(), reply.ids.size());
  // What the model says when it reads all of it at once.
  std::vector<std::int32_t> all = reply.prompt_ids;
  all.insert(all.end(), reply.ids.begin(), reply.ids.end());
  GenerateRequest read;
  read.prompt = PromptIds{all, {}};
  const std::size_t first = reply.prompt_ids.size() - 1;
  TokenMask exists(static_cast<std::size_t>(engine->config().vocab));
  for (std::int32_t id = 0; id < engine->tokenizer().num_ids(); ++id) {
    if (engine->tokenizer().Exists(id)) exists.Allow(id);
  }
  int num_unlikely = 0;
  Get(NewSession(engine)->Evaluate(read, LogitRows::kAll, [&](int index, std::span<const float> logits) {
    const std::size_t at = static_cast<std::size_t>(index) - first;
    if (static_cast<std::size_t>(index) < first || at >= choices.size()) return true;
    const TokenChoice& choice = choices[at];
    EXPECT_EQ(choice.id, reply.ids[at]);
    EXPECT_EQ(choice.top.size(), 3u);
    EXPECT_NEAR(choice.logprob, LogprobsOf(logits, exists, choice.id, 0).logprob, 1e-3) << at;
    num_unlikely += choice.top[0].first != choice.id ? 1 : 0;
    return true;
  }));
  EXPECT_GT(num_unlikely, 0) << "the end of the thoughts was ours, not the model's";
}

TEST(Generation, OneThreadDrivesManyWithTheBitsOfEachAlone) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, 2048);
  std::vector<GenerateRequest> requests = {LongQuestion(40, 30), PictureQuestion(), LongQuestion(200, 12),
                                           Ask("Short.", 25), Ask("Other.", 18)};
  std::vector<Reply> wanted;
  for (const GenerateRequest& request : requests) wanted.push_back(Get(NewSession(engine)->Generate(request, kNoSink)));
  for (const double seconds : {0.0, 50e-6}) {
    std::vector<std::unique_ptr<Session>> sessions;
    std::vector<std::unique_ptr<Generation>> generations;
    std::vector<Generation*> all;
    for (const GenerateRequest& request : requests) {
      sessions.push_back(NewSession(engine));
      generations.push_back(Get(Generation::Start(sessions.back().get(), request, kNoSink)));
      all.push_back(generations.back().get());
    }
    while (Generation::StepTogether(all, seconds > 0 ? MonotonicSeconds() + seconds : 0)) {
    }
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(Get(all[i]->Finish()).ids, wanted[i].ids) << i;
  }
}

TEST(Generation, ItsSessionIsBusyAndUsableAfterwards) {
  const auto engine = OpenModel("models/vl");
  const auto session = NewSession(engine);
  const Reply wanted = Get(session->Generate(Ask("hi", 5), kNoSink));
  {
    const auto generation = Get(Generation::Start(session.get(), LongQuestion(60, 5), kNoSink));
    EXPECT_EQ(Generation::Start(session.get(), Ask("no"), kNoSink).error().code, Code::kInvalid);
    EXPECT_EQ(session->Generate(Ask("no"), kNoSink).error().code, Code::kInvalid);
    EXPECT_TRUE(generation->Step());
    generation->Cancel();
    EXPECT_FALSE(generation->Step());
    EXPECT_EQ(Get(generation->Finish()).finish_reason, FinishReason::kCancelled);
  }
  EXPECT_EQ(Get(session->Generate(Ask("hi", 5), kNoSink)).ids, wanted.ids);
  {
    // Given up in the middle, without a word.
    const auto generation = Get(Generation::Start(session.get(), LongQuestion(60, 5), kNoSink));
    EXPECT_TRUE(generation->Step(MonotonicSeconds() + 10e-6));
  }
  EXPECT_EQ(Get(session->Generate(Ask("hi", 5), kNoSink)).ids, wanted.ids);
}

// Allows a fixed text only, then any end.
class OnlyThese : public TokenFilter {
 public:
  OnlyThese(const Engine& engine, std::vector<std::int32_t> ids) : ids_(std::move(ids)) {
    for (std::size_t i = 0; i <= ids_.size(); ++i) {
      masks_.emplace_back(static_cast<std::size_t>(engine.config().vocab));
      if (i < ids_.size()) masks_[i].Allow(ids_[i]);
    }
    for (const std::int32_t id : engine.tokenizer().end_tokens()) masks_.back().Allow(id);
  }
  // A second choice in front of token `at`.
  void Also(std::size_t at, std::int32_t id) { masks_[at].Allow(id); }
  const TokenMask* Allowed() override { return &masks_[std::min(taken_.size(), masks_.size() - 1)]; }
  void Accept(std::int32_t id) override { taken_.push_back(id); }

  [[nodiscard]] const std::vector<std::int32_t>& taken() const { return taken_; }

 private:
  std::vector<std::int32_t> ids_;
  std::vector<TokenMask> masks_;
  std::vector<std::int32_t> taken_;
};

TEST(Generation, WhatAFilterLeavesNoChoiceAboutIsWrittenInFewPasses) {
  const auto engine = OpenModel("models/vl", Precision::kFast);
  GenerateRequest request = Ask("Say it.", 60);
  request.ignore_eos = false;
  std::vector<std::int32_t> text;
  for (int i = 0; i < 40; ++i) text.push_back(100 + i * 7);
  const auto filter = std::make_shared<OnlyThese>(*engine, text);
  request.filter = filter;
  const auto session = NewSession(engine);
  const auto generation = Get(Generation::Start(session.get(), request, kNoSink));
  int steps = 0;
  while (generation->Step()) ++steps;
  const Reply reply = Get(generation->Finish());
  EXPECT_EQ(reply.ids, text);
  EXPECT_EQ(filter->taken(), text);
  EXPECT_EQ(reply.finish_reason, FinishReason::kStop);
  EXPECT_LT(steps, 8);
}

// A choice between two tokens: the one that the model likes more, as the whole distribution says, whether only a part
// of the head is computed (packed weights) or all of it.
TEST(Generation, AFilterChoosesAmongWhatTheModelSays) {
  for (const Precision precision : {Precision::kFast, Precision::kExact}) {
    const auto engine = OpenModel("models/vl", precision);
    GenerateRequest request = Ask("Say it.", 1);
    std::vector<float> logits;
    Get(NewSession(engine)->Evaluate(request, LogitRows::kLast, [&](int, std::span<const float> row) {
      logits.assign(row.begin(), row.end());
      return true;
    }));
    for (std::int32_t a = 50; a < 1500; a += 211) {
      const std::int32_t b = a + 97;
      const auto filter = std::make_shared<OnlyThese>(*engine, std::vector<std::int32_t>{a, 300});
      filter->Also(0, b);
      request.filter = filter;
      const std::int32_t wanted = logits[static_cast<std::size_t>(a)] >= logits[static_cast<std::size_t>(b)] ? a : b;
      EXPECT_EQ(Get(NewSession(engine)->Generate(request, kNoSink)).ids, std::vector<std::int32_t>{wanted});
    }
  }
}

// Tokens behind a choice: their logits come from a head of which only panels are computed.
TEST(Generation, AFilteredReplyGivesTheSameAloneAndBesideOthers) {
  const auto engine = OpenModel("models/vl", Precision::kFast);
  const auto make = [&] {
    std::vector<std::int32_t> text;
    for (int i = 0; i < 12; ++i) text.push_back(100 + i * 7);
    auto filter = std::make_shared<OnlyThese>(*engine, text);
    for (std::size_t i = 0; i < 12; i += 2) filter->Also(i, 900 + static_cast<std::int32_t>(i));
    GenerateRequest request = Ask("Say it.", 12);
    request.filter = filter;
    return request;
  };
  const Reply alone = Get(NewSession(engine)->Generate(make(), kNoSink));
  const Reply other = Get(NewSession(engine)->Generate(Ask("Else.", 20), kNoSink));
  const auto one = NewSession(engine);
  const auto two = NewSession(engine);
  const auto first = Get(Generation::Start(one.get(), make(), kNoSink));
  const auto second = Get(Generation::Start(two.get(), Ask("Else.", 20), kNoSink));
  Generation* both[] = {first.get(), second.get()};
  while (Generation::StepTogether(both)) {
  }
  EXPECT_EQ(Get(first->Finish()).ids, alone.ids);
  EXPECT_EQ(Get(second->Finish()).ids, other.ids);
}

}  // namespace
}  // namespace thimble::testing
