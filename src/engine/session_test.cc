// SPDX-License-Identifier: Apache-2.0
// Sessions: prompts, reuse, cancellation, limits, the thinking guard.
#include "engine/session.h"

#include "engine/thinking_guard.h"
#include "session_tools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

namespace thimble::testing {
namespace {

TEST(Session, TheSecondTurnReadsNeitherThePastNorThePictureAgain) {
  const auto engine = OpenModel("models/vl");
  const auto session = NewSession(engine);
  GenerateRequest first = Ask("", 10);
  first.chat().messages = {UserMessage("What is this?", "rgb.png")};
  first.pictures.push_back(LoadImage("rgb.png"));
  const Reply one = Get(session->Generate(first, kNoSink));
  EXPECT_EQ(one.stats.pictures_encoded, 1);
  EXPECT_EQ(one.stats.reused_tokens, 0);

  GenerateRequest second = first;
  second.chat().messages.push_back({"assistant", {{Part::Kind::kText, one.text, ""}}, false, {}, {}});
  second.chat().messages.push_back(UserMessage("And what else?"));
  const Reply two = Get(session->Generate(second, kNoSink));
  EXPECT_EQ(two.stats.pictures_encoded, 0);
  EXPECT_GT(two.stats.reused_tokens, 15);
  const Reply fresh = Get(NewSession(engine)->Generate(second, kNoSink));
  EXPECT_EQ(two.prompt_ids, fresh.prompt_ids);
  EXPECT_EQ(two.ids, fresh.ids);
}

TEST(Session, CancellingAtEveryEventLeavesItUsable) {
  const auto engine = OpenModel("models/vl");
  GenerateRequest request = Ask("", 6);
  request.chat().messages = {UserMessage("What is this?", "rgb.png")};
  request.pictures.push_back(LoadImage("rgb.png"));
  const Reply wanted = Get(NewSession(engine)->Generate(request, kNoSink));
  const auto session = NewSession(engine);
  int events = 0;
  Get(NewSession(engine)->Generate(request, [&](const Event&) {
    ++events;
    return true;
  }));
  ASSERT_GT(events, 5);
  for (int stop = 0; stop < events; ++stop) {
    int seen = 0;
    const Reply cut = Get(session->Generate(request, [&](const Event&) { return seen++ < stop; }));
    EXPECT_LE(cut.ids.size(), wanted.ids.size()) << stop;
    const Reply again = Get(session->Generate(request, kNoSink));
    EXPECT_EQ(again.ids, wanted.ids) << "stopped at event " << stop;
  }
}

TEST(Session, ProgressGrowsWhilePicturesAreEncoded) {
  const auto session = NewSession(OpenModel("models/vl"));
  GenerateRequest request = Ask("", 1);
  request.chat().messages = {UserMessage("What is this?", "rgb.png"), UserMessage("And this?", "rgb.png")};
  request.pictures = {LoadImage("rgb.png"), LoadImage("rgb.png")};
  for (std::uint8_t& value : request.pictures[1].image.rgb) value = static_cast<std::uint8_t>(255 - value);
  std::vector<double> shares;
  const Sink sink = [&](const Event& event) {
    if (event.kind == Event::Kind::kPromptProgress) shares.push_back(event.share);
    return true;
  };
  EXPECT_EQ(Get(session->Generate(request, sink)).stats.pictures_encoded, 2);
  ASSERT_GT(shares.size(), 6u);
  EXPECT_EQ(shares.front(), 0.0);
  EXPECT_EQ(shares.back(), 1.0);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_GT(std::set<double>(shares.begin(), shares.end()).size(), 6u);
}

TEST(Session, AVideosFramesCanBeMadeSmaller) {
  host::OpenOptions options;
  options.model = Fixture("models/vl");
  GenerateRequest request = Ask("", 1);
  request.chat().messages = {UserMessage("What happens?")};
  request.chat().messages[0].content.insert(request.chat().messages[0].content.begin(), {Part::Kind::kVideo, "", ""});
  for (const std::size_t num_frames : {2, 3, 5}) {
    Picture video;
    video.frames.assign(num_frames, LoadPicture("rgb.png"));
    video.timestamps.assign((num_frames + 1) / 2, 0.0);
    request.pictures = {video};
    const Reply whole = Get(NewSession(Get(host::OpenModel(options)))->Generate(request, kNoSink));
    const auto& frame = video.frames[0];
    host::OpenOptions smaller = options;
    smaller.max_frame_pixels = std::int64_t{frame.width} * frame.height / 4;
    const Reply small = Get(NewSession(Get(host::OpenModel(smaller)))->Generate(request, kNoSink));
    EXPECT_LT(small.prompt_ids.size(), whole.prompt_ids.size()) << num_frames;
    smaller.max_frame_pixels = std::int64_t{frame.width} * frame.height * 100;
    const Reply same = Get(NewSession(Get(host::OpenModel(smaller)))->Generate(request, kNoSink));
    EXPECT_EQ(same.prompt_ids, whole.prompt_ids) << num_frames;
  }
}

TEST(Session, CancelFromAnotherThreadEndsAReply) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, 4000);
  const auto session = NewSession(engine);
  GenerateRequest request = Ask("go on", 3500);
  bool has_begun = false;
  std::thread other;
  const Reply reply = Get(session->Generate(request, [&](const Event& event) {
    if (event.kind == Event::Kind::kReply && !has_begun) {
      has_begun = true;
      other = std::thread([&] { session->Cancel(); });
    }
    return true;
  }));
  other.join();
  EXPECT_EQ(reply.finish_reason, FinishReason::kCancelled);
  EXPECT_LT(reply.ids.size(), 3500U);
}

TEST(Session, LimitsEndRepliesForTheReasonTheyGive) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, 64);
  const auto session = NewSession(engine);
  EXPECT_EQ(Get(session->Generate(Ask("hi", 5), kNoSink)).finish_reason, FinishReason::kLength);
  const Reply full = Get(session->Generate(Ask("hi", 0), kNoSink));
  EXPECT_EQ(full.finish_reason, FinishReason::kContext);
  EXPECT_EQ(full.prompt_ids.size() + full.ids.size(), 64U);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  const auto longer = session->Generate(Ask(words), kNoSink);
  ASSERT_FALSE(longer.ok());
  EXPECT_EQ(longer.error().code, Code::kExhausted);
  ASSERT_EQ(longer.error().advice.size(), 3U);
  EXPECT_EQ(longer.error().advice.back().kind, Advice::kRaiseContext);
  EXPECT_EQ(longer.error().advice.back().value, engine->config().context_length);
  EXPECT_EQ(Get(session->Generate(Ask("hi", 5), kNoSink)).finish_reason, FinishReason::kLength);
}

TEST(Session, StopStringsEndTheTextBeforeThem) {
  const auto engine = OpenModel("models/vl");
  const Reply whole = Get(NewSession(engine)->Generate(Ask("hello", 12), kNoSink));
  ASSERT_GT(whole.text.size(), 6U);
  GenerateRequest request = Ask("hello", 12);
  request.stop_strings = {whole.text.substr(3, 3)};
  const Reply cut = Get(NewSession(engine)->Generate(request, kNoSink));
  EXPECT_EQ(cut.finish_reason, FinishReason::kStop);
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(request.stop_strings[0])));
  EXPECT_EQ(cut.stop_string, request.stop_strings[0]);
  EXPECT_EQ(whole.stop_string, "");
}

TEST(Session, APlainReplyIsOfNoReasoning) {
  const auto engine = OpenModel("gguf/text-tied-q8_0.gguf");
  GenerateRequest request = Ask("hello", 12);
  request.think = ThinkMode::kOn;
  const Reply thought = Get(NewSession(engine)->Generate(request, kNoSink));
  EXPECT_GT(thought.stats.thinking_tokens, 0);
  EXPECT_LE(thought.stats.thinking_tokens, thought.stats.tokens);
  request.is_plain = true;
  const Reply plain = Get(NewSession(engine)->Generate(request, kNoSink));
  EXPECT_EQ(plain.ids, thought.ids);
  EXPECT_TRUE(plain.thinking.empty());
  EXPECT_FALSE(plain.text.empty());
  EXPECT_EQ(plain.stats.thinking_tokens, 0);
}

TEST(Session, TheSameSeedWritesTheSameOnAnyNumberOfThreads) {
  std::vector<std::int32_t> first;
  for (const int threads : {1, 2, 3}) {
    GenerateRequest request = Ask("hello", 30);
    request.sampling.temperature = 1.0;
    request.seed = 11;
    const Reply reply =
        Get(NewSession(OpenModel("gguf/text-tied-q8_0.gguf", Precision::kFast, threads))->Generate(request, kNoSink));
    if (first.empty()) first = reply.ids;
    EXPECT_EQ(reply.ids, first);
  }
}

TEST(Session, TheThinkingBudgetClosesTheBlockAndAnAnswerFollows) {
  const auto engine = OpenModel("models/vl");
  GenerateRequest request = Ask("hello", 40);
  request.think = ThinkMode::kOn;
  request.think_budget = 9;
  const Reply reply = Get(NewSession(engine)->Generate(request, kNoSink));
  EXPECT_TRUE(reply.stats.think_closed_by_budget);
  EXPECT_FALSE(reply.thinking.empty());
  EXPECT_FALSE(reply.text.empty());
  const auto close = engine->tokenizer().Find("</think>");
  ASSERT_TRUE(close.has_value());
  EXPECT_NE(std::find(reply.ids.begin(), reply.ids.end(), *close), reply.ids.end());
  request.think_budget = 0;
  EXPECT_FALSE(Get(NewSession(engine)->Generate(request, kNoSink)).stats.think_closed_by_budget);
}

TEST(ThinkingGuard, SeesLoopsAndLeavesVariedTextAlone) {
  for (const int period : {1, 7, 40, 150}) {
    ThinkingGuard guard(0, true);
    bool is_loop = false;
    for (int i = 0; i < 900 && !is_loop; ++i)
      is_loop = guard.Add(i < 100 ? 1000 + i : i % period) == ThinkingGuard::Verdict::kLoop;
    EXPECT_TRUE(is_loop) << period;
  }
  ThinkingGuard guard(0, true);
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(guard.Add((i * 7919 + i / 13) % 5003), ThinkingGuard::Verdict::kGoOn) << i;
  ThinkingGuard off(0, false);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(off.Add(5), ThinkingGuard::Verdict::kGoOn);
}

TEST(Engine, RefusalsSayWhatToDo) {
  const auto engine = OpenModel("models/vl");
  const auto session = NewSession(engine);
  GenerateRequest request = Ask("hi");
  request.pictures.push_back(LoadImage("rgb.png"));
  EXPECT_FALSE(session->Generate(request, kNoSink).ok());  // a picture without a place
  request = Ask("");
  request.chat().messages = {UserMessage("two", "a.png")};
  EXPECT_FALSE(session->Generate(request, kNoSink).ok());  // a place without a picture
  request = Ask("hi");
  request.logit_bias = {{999999, 1.0}};
  EXPECT_FALSE(session->Generate(request, kNoSink).ok());
  request = Ask("hi");
  request.prompt = PromptIds{{1, 2, 999999}, {}};
  EXPECT_FALSE(session->Generate(request, kNoSink).ok());
  host::OpenOptions options;
  options.model = Fixture("gguf/text-untied-bf16.gguf");
  options.mmproj = Fixture("gguf/mmproj-vl-f32.gguf");
  const auto wrong = host::OpenModel(options);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("another model"), std::string::npos) << wrong.error().message;
  options.mmproj.clear();  // found by itself, one that does not fit is only a warning
  EXPECT_TRUE(host::OpenModel(options).ok());
  options.isa = "mmx";
  EXPECT_FALSE(host::OpenModel(options).ok());
}

TEST(Engine, AVisionFileBesideTheModelIsFound) {
  const auto engine = OpenModel("gguf/vl-f32.gguf");
  EXPECT_TRUE(engine->can_see());
  ASSERT_NE(engine->vision_file(), nullptr);
  EXPECT_NE(engine->vision_file()->path().find("mmproj-vl-f32.gguf"), std::string::npos);
}

TEST(Engine, EveryRowOfEvaluateEndsInTheLast) {
  const auto engine = OpenModel("models/text-tied");
  GenerateRequest request;
  PromptIds prompt;
  for (int i = 0; i < 70; ++i) prompt.ids.push_back((i * 37) % 2000);
  request.prompt = prompt;
  std::vector<float> last;
  std::vector<float> all_last;
  int rows = 0;
  const auto session = NewSession(engine);
  EXPECT_EQ(Get(session->Evaluate(request, LogitRows::kLast,
                                  [&](int, std::span<const float> logits) {
                                    last.assign(logits.begin(), logits.end());
                                    return true;
                                  })),
            70);
  Get(session->Evaluate(request, LogitRows::kAll, [&](int, std::span<const float> logits) {
    ++rows;
    all_last.assign(logits.begin(), logits.end());
    return true;
  }));
  EXPECT_EQ(rows, 70);
  EXPECT_LT(LargestDifference(all_last, last), 1e-4F);
}

}  // namespace
}  // namespace thimble::testing
