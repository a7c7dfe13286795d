// SPDX-License-Identifier: Apache-2.0
#include "talk/window.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble::testing {
namespace {

TEST(Window, OldestExchangesGoDownToHalfOfTheContext) {
  struct Case {
    const char* what;
    std::int64_t fixed;
    std::vector<std::int64_t> exchanges;
    std::int64_t context, max_tokens;
    bool fits;
    std::size_t num_dropped;
  };
  const Case cases[] = {
      {"nothing said yet", 5, {}, 100, 0, true, 0},
      {"a quarter is left to the token", 5, {30, 30, 10}, 100, 0, true, 0},
      {"one token less than a quarter", 5, {30, 30, 11}, 100, 0, true, 1},
      {"down to half, not to what just fits", 5, {10, 10, 10, 10, 10, 10, 20}, 100, 0, true, 4},
      {"half to the token is enough", 5, {31, 30, 15}, 100, 0, true, 1},
      {"one token above half is not", 5, {31, 30, 16}, 100, 0, true, 2},
      {"a short answer needs no quarter", 5, {30, 30, 30}, 100, 5, true, 0},
      {"a short answer that does not fit", 5, {30, 30, 31}, 100, 5, true, 2},
      {"a long answer needs a quarter all the same", 5, {30, 30, 10}, 100, 5000, true, 0},
      {"the last stays, however long", 5, {10, 10, 80}, 100, 0, true, 2},
      {"the last alone above half", 0, {70}, 100, 0, true, 0},
      {"the last alone leaves one token", 5, {10, 94}, 100, 0, true, 1},
      {"the last alone leaves none", 5, {10, 95}, 100, 0, false, 0},
      {"the last is longer than all", 5, {10, 500}, 100, 7, false, 0},
      {"what is pinned takes all", 100, {1}, 100, 0, false, 0},
      {"far too much from a file", 5, std::vector<std::int64_t>(1000, 40), 100, 0, true, 999},
      {"a context of three tokens", 1, {1}, 3, 0, true, 0},
  };
  for (const Case& c : cases) {
    const WindowPlan plan = PlanWindow({c.fixed, c.exchanges}, c.context, c.max_tokens);
    EXPECT_EQ(plan.fits, c.fits) << c.what;
    EXPECT_EQ(plan.num_dropped, c.num_dropped) << c.what;
  }
}

Message Say(const std::string& role, const std::string& text) {
  Message message;
  message.role = role;
  message.content.push_back({Part::Kind::kText, text, ""});
  return message;
}

TEST(Window, ExchangesBeginWithQuestionsAndKeepCallsWithTheirResults) {
  std::vector<Message> talk = {
      Say("system", "Be brief."), Say("assistant", "Hello!"), Say("user", "one"),
      Say("assistant", "calls"),  Say("tool", "result"),      Say("tool", "another"),
      Say("assistant", "done"),   Say("user", "two"),         Say("user", " <tool_response>\n7\n</tool_response>\n"),
      Say("user", "three")};
  EXPECT_EQ(ExchangeBegins(talk), (std::vector<std::size_t>{1, 2, 7, 9}));
  EXPECT_EQ(NumPinned(talk), 1U);
  talk.erase(talk.begin(), talk.begin() + 2);
  EXPECT_EQ(ExchangeBegins(talk), (std::vector<std::size_t>{0, 5, 7}));
  EXPECT_TRUE(ExchangeBegins({}).empty());
  EXPECT_EQ(NumPictures(talk), 0U);
  talk[0].content.push_back({Part::Kind::kImage, "", "a.png"});
  talk[7].content.push_back({Part::Kind::kVideo, "", "b"});
  EXPECT_EQ(NumPictures(talk), 2U);
}

TEST(Window, WhatWrapsAToolsResultAsksNothing) {
  EXPECT_TRUE(IsQuestion(Say("user", "hello")));
  EXPECT_TRUE(IsQuestion(Say("user", "")));
  EXPECT_FALSE(IsQuestion(Say("assistant", "hello")));
  EXPECT_FALSE(IsQuestion(Say("user", "<tool_response>1</tool_response>")));
  EXPECT_TRUE(IsQuestion(Say("user", "<tool_response> what is that?")));
  Message picture = Say("user", "<tool_response>1</tool_response>");
  picture.content.push_back({Part::Kind::kImage, "", "a.png"});
  EXPECT_TRUE(IsQuestion(picture));
}

}  // namespace
}  // namespace thimble::testing
