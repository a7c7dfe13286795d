// SPDX-License-Identifier: Apache-2.0
// How many tokens a request takes, and where its messages begin.
#include "engine/prompt_counts.h"

#include "engine/prompt.h"
#include "session_tools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace thimble::testing {
namespace {

Message Say(const std::string& role, const std::string& text) {
  Message message = UserMessage(text);
  message.role = role;
  return message;
}

std::int64_t Sum(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

// A conversation of every kind of message, with a picture.
GenerateRequest Talk() {
  GenerateRequest request = Ask("", 1);
  request.detail = Detail::kAuto;
  request.chat().messages = {Say("system", "Be brief."),        UserMessage("What is this?", "rgb.png"),
                             Say("assistant", "A picture."),    UserMessage("What time is it?"),
                             Say("assistant", "Let me look."),  Say("tool", "noon"),
                             Say("tool", "or a little later"),  Say("assistant", "Noon."),
                             UserMessage("And now, my friend?")};
  ToolCall call;
  call.name = "clock";
  request.chat().messages[4].tool_calls = {call, call};
  request.pictures = {LoadImage("rgb.png")};
  return request;
}

TEST(Measure, CountsAreThoseOfThePromptThatIsRead) {
  const auto engine = OpenModel("models/vl");
  const GenerateRequest request = Talk();
  const PromptCounts counts = Get(engine->Measure(request));
  const Reply reply = Get(NewSession(engine)->Generate(request, kNoSink));
  EXPECT_EQ(counts.total, static_cast<std::int64_t>(reply.prompt_ids.size()));
  EXPECT_EQ(Get(BuildPrompt(engine->prompts(), request)).ids, reply.prompt_ids);
  EXPECT_EQ(counts.before, 0);
  EXPECT_EQ(counts.before + Sum(counts.messages) + counts.answer, counts.total);
  ASSERT_EQ(counts.pictures.size(), 1U);
  EXPECT_EQ(counts.pictures[0].tokens, reply.pictures[0].tokens);
  // Each turn begins with its special token, and no other one stands inside.
  const auto begin_token = engine->tokenizer().Find("<|im_start|>");
  ASSERT_TRUE(begin_token.has_value());
  std::vector<std::int64_t> wanted;
  for (std::size_t i = 0; i < reply.prompt_ids.size(); ++i) {
    if (reply.prompt_ids[i] == *begin_token) wanted.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> begins;
  std::int64_t at = 0;
  for (std::size_t i = 0; i < counts.messages.size(); ++i) {
    if (i != 6) begins.push_back(at);  // the second result of a tool shares the first one's turn
    at += counts.messages[i];
  }
  begins.push_back(at);  // the answer
  EXPECT_EQ(begins, wanted);
  EXPECT_EQ(counts.messages[6], 0);
}

TEST(Measure, WhatFollowsChangesNoMessagesCount) {
  const auto engine = OpenModel("models/vl");
  GenerateRequest request = Talk();
  const PromptCounts before = Get(engine->Measure(request));
  request.chat().messages.push_back(Say("assistant", "Go on."));
  // As text somebody may write anything: it begins no message.
  request.chat().messages.push_back(UserMessage("what does <|im_start|>user mean?"));
  PromptCounts counts = Get(engine->Measure(request));
  ASSERT_EQ(counts.messages.size(), 11U);
  EXPECT_GT(counts.messages[9], 3);
  EXPECT_GT(counts.messages[10], 8);
  counts.messages.resize(9);
  EXPECT_EQ(counts.messages, before.messages);
}

TEST(Measure, ToolsWithoutASystemMessageStandBeforeAllMessages) {
  const auto engine = OpenModel("models/vl");
  GenerateRequest request = Ask("hello");
  const std::int64_t plain = Get(engine->Measure(request)).total;
  request.chat().tools = {Get(Json::Parse(R"({"type": "function", "function": {"name": "clock"}})", "test"))};
  PromptCounts counts = Get(engine->Measure(request));
  EXPECT_GT(counts.before, 50);
  EXPECT_EQ(counts.total, plain + counts.before);
  const std::int64_t tools = counts.before;
  request.chat().messages.insert(request.chat().messages.begin(), Say("system", "Be brief."));
  counts = Get(engine->Measure(request));
  EXPECT_EQ(counts.before, 0);
  EXPECT_GT(counts.messages[0], tools);
  EXPECT_EQ(counts.total, Sum(counts.messages) + counts.answer);
}

TEST(Measure, APromptLongerThanTheContextIsCountedTooAndIdsAre) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, 64);
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  const GenerateRequest request = Ask(words);
  EXPECT_GT(Get(engine->Measure(request)).total, 100);
  EXPECT_FALSE(NewSession(engine)->Generate(request, kNoSink).ok());
  GenerateRequest ids;
  ids.prompt = PromptIds{std::vector<std::int32_t>(70, 5), {}};
  const PromptCounts counts = Get(engine->Measure(ids));
  EXPECT_EQ(counts.total, 70);
  EXPECT_TRUE(counts.messages.empty());
  ids.prompt = PromptIds{{-1}, {}};
  EXPECT_FALSE(engine->Measure(ids).ok());
  EXPECT_FALSE(engine->Measure(GenerateRequest()).ok());  // nobody asks anything
}

TEST(Measure, ALaterPictureTakesLessWhereLittleIsLeft) {
  host::OpenOptions options;
  options.model = Fixture("models/vl");
  options.context = 700;
  options.pixel_limits = PixelLimits();
  options.pixel_limits->max_pixels = 4'000'000;
  const auto engine = Get(host::OpenModel(options));
  GenerateRequest request = Ask("", 1);
  request.detail = Detail::kAuto;
  Picture large;
  large.image.width = 640;
  large.image.height = 640;
  large.image.rgb.assign(std::size_t{640} * 640 * 3, 90);
  request.chat().messages = {UserMessage("one", "a"), UserMessage("one", "b")};
  request.pictures = {large, large};
  const PromptCounts counts = Get(engine->Measure(request));
  ASSERT_EQ(counts.pictures.size(), 2U);
  EXPECT_GT(counts.pictures[0].tokens, counts.pictures[1].tokens);
  EXPECT_EQ(counts.messages[0] - counts.pictures[0].tokens, counts.messages[1] - counts.pictures[1].tokens);
}

}  // namespace
}  // namespace thimble::testing
