// SPDX-License-Identifier: Apache-2.0
// Conversations: take-back, editing, the window, counts.
#include "talk/conversation.h"

#include "session_tools.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {
namespace {

Conversation Open(int context = 0, const std::string& system = "", WhenFull when_full = WhenFull::kWindow,
                  int max_tokens = 6) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, context);
  GenerateRequest how;
  how.sampling.temperature = 0.0;
  how.ignore_eos = true;
  how.max_tokens = max_tokens;
  how.detail = Detail::kAuto;
  return {engine, NewSession(engine), how, system, when_full};
}

Reply Say(Conversation* talk, const std::string& text, std::vector<Attachment> attached = {},
          const TalkListener& listener = {}) {
  Answer answer = Get(talk->Ask(text, &attached, listener));
  EXPECT_TRUE(answer.is_kept);
  EXPECT_TRUE(attached.empty());
  return std::move(answer.reply);
}

Attachment Rgb() { return {"rgb.png", LoadImage("rgb.png")}; }

std::string Words(int count) {
  std::string words;
  for (int i = 0; i < count; ++i) words += "word ";
  return words;
}

std::vector<std::string> Roles(const Conversation& talk) {
  std::vector<std::string> roles;
  for (const Message& message : talk.messages()) roles.push_back(message.role);
  return roles;
}

TEST(Conversation, AnAnswerIsTheOneThatASessionGivesToTheSameMessages) {
  Conversation talk = Open(0, "Be brief.");
  Say(&talk, "hello");
  const Reply reply = Say(&talk, "what is this?", {Rgb()});
  EXPECT_EQ(reply.stats.pictures_encoded, 1);
  EXPECT_GT(reply.stats.reused_tokens, 10);
  EXPECT_EQ(Roles(talk), (std::vector<std::string>{"system", "user", "assistant", "user", "assistant"}));
  EXPECT_EQ(Say(&talk, "and now?").stats.pictures_encoded, 0);

  // Saved, read and loaded again, it goes on the same way.
  const Chat read = Get(ParseChat(talk.Save(), ArgumentStrings::kParse));
  Conversation other = Open(0, "Something else.");
  Say(&other, "to be forgotten");
  other.Load(read, {LoadImage("rgb.png")});
  EXPECT_EQ(Say(&other, "go on").ids, Say(&talk, "go on").ids);
  EXPECT_EQ(other.Save().Dump(Json::Style::kPretty), talk.Save().Dump(Json::Style::kPretty));
  other.Reset();
  EXPECT_EQ(Roles(other), (std::vector<std::string>{"system"}));
}

TEST(Conversation, WhatALoadedOneHadLeftOutStaysOut) {
  constexpr int kContext = 160;
  Conversation talk = Open(kContext, "Be brief.");
  for (int i = 0; i < 20 && talk.num_left_out() < 4; ++i) Say(&talk, Words(8));
  ASSERT_GE(talk.num_left_out(), 4U);
  Say(&talk, "there is room for this one");
  const Chat read = Get(ParseChat(talk.Save(), ArgumentStrings::kParse));
  Conversation other = Open(kContext, "Something else.");
  other.Load(read, {});
  ASSERT_TRUE(other.LeaveOut(talk.num_left_out()).ok());
  EXPECT_EQ(other.num_left_out(), talk.num_left_out());
  EXPECT_EQ(Roles(other), Roles(talk));
  EXPECT_EQ(Say(&other, "go on").ids, Say(&talk, "go on").ids);
  EXPECT_EQ(other.Save().Dump(Json::Style::kPretty), talk.Save().Dump(Json::Style::kPretty));
  ASSERT_TRUE(other.LeaveOut(1'000).ok());  // no more than there is
  EXPECT_EQ(Roles(other), (std::vector<std::string>{"system"}));
}

TEST(Conversation, ToolsOfALoadedOneAreSavedWithIt) {
  Conversation talk = Open();
  Chat chat;
  chat.messages = {UserMessage("hello")};
  chat.tools = {Get(Json::Parse(R"({"type": "function", "function": {"name": "clock"}})", "test"))};
  talk.Load(chat, {});
  const Json saved = talk.Save();
  ASSERT_NE(saved.Find("tools"), nullptr);
  EXPECT_EQ(Get(ParseChat(saved, ArgumentStrings::kParse)).tools.size(), 1U);
  std::vector<Attachment> none;
  EXPECT_GT(Get(talk.Count(&none)).tools, 50);
}

TEST(Conversation, AQuestionIsTakenBackWithItsPictures) {
  Conversation talk = Open(0, "Be brief.");
  Say(&talk, "hello");
  const std::string before = talk.Save().Dump(Json::Style::kPretty);
  std::vector<Attachment> attached = {Rgb()};
  TalkListener stop;
  stop.reply = [](const Event&) { return false; };
  const Answer answer = Get(talk.Ask("what is this?", &attached, stop));
  EXPECT_FALSE(answer.is_kept);
  ASSERT_EQ(attached.size(), 1U);
  EXPECT_EQ(attached[0].picture.image.rgb, LoadPicture("rgb.png").rgb);
  EXPECT_EQ(talk.Save().Dump(Json::Style::kPretty), before);
  attached.push_back({"none.png", Picture{}});  // no pixels: an error
  EXPECT_FALSE(talk.Ask("and these?", &attached, {}).ok());
  EXPECT_EQ(attached.size(), 2U);
  EXPECT_EQ(talk.Save().Dump(Json::Style::kPretty), before);
  attached.pop_back();
  Say(&talk, "what is this?", attached);
  // One that had begun stays.
  int events = 0;
  stop.reply = [&](const Event& event) { return event.kind != Event::Kind::kReply || events++ < 2; };
  attached.clear();
  EXPECT_TRUE(Get(talk.Ask("go on", &attached, stop)).is_kept);
}

TEST(Conversation, AgainAndEditAnswerWithoutWhatCameBehind) {
  Conversation talk = Open(0, "Be brief.", WhenFull::kWindow, 8);
  std::vector<Attachment> none;
  EXPECT_FALSE(talk.Again({}).ok());
  EXPECT_FALSE(talk.Edit(1, "x", {}).ok());
  const Reply first = Say(&talk, "one");
  Say(&talk, "two", {Rgb()});
  const Reply third = Say(&talk, "three");
  const Reply again = Get(talk.Again({})).reply;
  EXPECT_EQ(again.prompt_ids, third.prompt_ids);
  EXPECT_EQ(again.ids, third.ids);
  EXPECT_GT(again.stats.reused_tokens, first.stats.prompt_tokens);
  EXPECT_EQ(talk.messages().size(), 7U);

  // A failed edit changes nothing, a picture behind it included.
  const std::string before = talk.Save().Dump(Json::Style::kPretty);
  TalkListener stop;
  stop.reply = [](const Event&) { return false; };
  EXPECT_FALSE(Get(talk.Edit(1, "other", stop)).is_kept);
  EXPECT_FALSE(Get(talk.Again(stop)).is_kept);
  EXPECT_FALSE(talk.Edit(4, "other", {}).ok());
  EXPECT_FALSE(talk.Edit(0, "other", {}).ok());
  EXPECT_EQ(talk.Save().Dump(Json::Style::kPretty), before);
  EXPECT_EQ(Get(talk.Again({})).reply.ids, third.ids);

  // Edited: the picture of the message stays, all behind it goes.
  Answer edited = Get(talk.Edit(2, "what else?", {}));
  EXPECT_EQ(edited.reply.pictures.size(), 1U);
  Conversation fresh = Open(0, "Be brief.", WhenFull::kWindow, 8);
  Say(&fresh, "one");
  EXPECT_EQ(Say(&fresh, "what else?", {Rgb()}).ids, edited.reply.ids);
  EXPECT_EQ(fresh.Save().Dump(Json::Style::kPretty), talk.Save().Dump(Json::Style::kPretty));
  edited = Get(talk.Edit(1, "zero", {}));
  EXPECT_TRUE(edited.reply.pictures.empty());
  EXPECT_EQ(talk.messages().size(), 3U);
}

TEST(Conversation, AnEditReadsFromTheNearestCheckpoint) {
  Conversation talk = Open();
  Say(&talk, "one");
  std::vector<Attachment> none;
  const std::int64_t first_question = Get(talk.Count(&none)).messages[0].tokens;
  Say(&talk, "two");
  EXPECT_EQ(Get(talk.Edit(2, "another", {})).reply.stats.reused_tokens, first_question);
}

TEST(Conversation, CountsAddUpAndTellWhatAPictureWillTake) {
  Conversation talk = Open(0, "Be brief.");
  std::vector<Attachment> attached;
  ContextUse use = Get(talk.Count(&attached));
  ASSERT_EQ(use.messages.size(), 1U);
  EXPECT_EQ(use.used, use.messages[0].tokens);
  Say(&talk, "hello");
  attached.push_back(Rgb());
  use = Get(talk.Count(&attached));
  ASSERT_EQ(attached.size(), 1U);
  EXPECT_EQ(attached[0].picture.image.rgb, LoadPicture("rgb.png").rgb);
  ASSERT_EQ(use.attached.size(), 1U);
  ASSERT_EQ(use.messages.size(), 3U);
  EXPECT_EQ(use.messages[1].question, 1);
  EXPECT_EQ(use.messages[2].question, 0);
  EXPECT_EQ(use.used, use.messages[0].tokens + use.messages[1].tokens + use.messages[2].tokens);
  const Reply reply = Say(&talk, "what is this?", attached);
  EXPECT_EQ(reply.pictures[0].tokens, use.attached[0].tokens);
  // The prompt is what was there, the question with the picture, and the beginning of the answer.
  attached.clear();
  const ContextUse then = Get(talk.Count(&attached));
  EXPECT_EQ(then.messages[3].question, 2);
  EXPECT_GT(then.messages[3].tokens, use.attached[0].tokens);
  EXPECT_LT(use.used + then.messages[3].tokens, reply.stats.prompt_tokens);
  EXPECT_GT(use.used + then.messages[3].tokens + 12, reply.stats.prompt_tokens);
}

TEST(Conversation, AsManyTurnsAsOneLikesInASmallContext) {
  Conversation talk = Open(200, "Be brief.");
  int notes = 0;
  TalkListener listener;
  listener.left_out = [&](const LeftOut& now, bool is_first) {
    EXPECT_EQ(is_first, notes == 0);
    EXPECT_GT(now.exchanges, 0);
    EXPECT_GT(now.tokens, 0);
    ++notes;
  };
  int dropped = 0;
  for (int turn = 0; turn < 40; ++turn) {
    std::vector<Attachment> attached;
    if (turn % 7 == 3) attached.push_back(Rgb());
    const Reply reply = Say(&talk, Words(turn % 9), attached, listener);
    EXPECT_LE(reply.stats.prompt_tokens + 6, 200) << turn;
    EXPECT_EQ(reply.finish_reason, FinishReason::kLength) << turn;
    dropped += reply.stats.dropped_messages;
    EXPECT_EQ(talk.messages()[0].role, "system");
    EXPECT_EQ(talk.messages()[1].role, "user");
  }
  EXPECT_GT(notes, 3);
  EXPECT_LT(notes, 20);  // several at a time
  EXPECT_EQ(static_cast<std::size_t>(dropped), talk.num_left_out());
  std::vector<Attachment> none;
  const ContextUse use = Get(talk.Count(&none));
  EXPECT_EQ(use.left_out.messages, dropped);
  EXPECT_EQ(use.left_out.exchanges * 2, dropped);
  EXPECT_EQ(use.messages[1].question, use.left_out.exchanges + 1);
  // What is saved is all of it.
  EXPECT_EQ(Get(ParseChat(talk.Save(), ArgumentStrings::kParse)).messages.size(), 81U);
}

TEST(Conversation, WithStopItEndsThereAsItAlwaysDid) {
  Conversation talk = Open(100, "", WhenFull::kStop);
  std::vector<Attachment> none;
  int turns = 0;
  while (talk.Ask(Words(3), &none, {}).ok()) ASSERT_LT(++turns, 40);
  EXPECT_EQ(talk.num_left_out(), 0U);
  EXPECT_EQ(talk.messages().size(), static_cast<std::size_t>(2 * turns));
}

TEST(Conversation, AMessageThatDoesNotFitByItselfIsRefusedWithItsCount) {
  Conversation talk = Open(128);
  Say(&talk, "hello");
  Say(&talk, Words(20));
  std::vector<Attachment> none;
  const std::string before = talk.Save().Dump(Json::Style::kPretty);
  const auto refused = talk.Ask(Words(300), &none, {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_NE(refused.error().message.find("the message has "), std::string::npos) << refused.error().message;
  ASSERT_EQ(refused.error().advice.size(), 2U);  // no picture could be smaller
  EXPECT_EQ(refused.error().advice.front().kind, Advice::kShorten);
  EXPECT_EQ(refused.error().advice.back().kind, Advice::kRaiseContext);
  EXPECT_EQ(talk.num_left_out(), 0U);
  EXPECT_EQ(talk.Save().Dump(Json::Style::kPretty), before);
  Say(&talk, "hello");
}

TEST(Conversation, WhatACancelledAnswerLeftOutComesBack) {
  Conversation talk = Open(128);
  Say(&talk, "hello", {Rgb()});
  while (Get([&] {
           std::vector<Attachment> none;
           return talk.Count(&none);
         }())
             .used < 90)
    Say(&talk, "on");
  ASSERT_EQ(talk.num_left_out(), 0U);
  const std::string before = talk.Save().Dump(Json::Style::kPretty);
  int notes = 0;
  TalkListener stop;
  stop.left_out = [&](const LeftOut&, bool) { ++notes; };
  stop.reply = [](const Event&) { return false; };
  std::vector<Attachment> none;
  EXPECT_FALSE(Get(talk.Ask(Words(20), &none, stop)).is_kept);
  EXPECT_EQ(notes, 1);
  EXPECT_EQ(talk.num_left_out(), 0U);
  EXPECT_EQ(talk.Save().Dump(Json::Style::kPretty), before);
  Say(&talk, Words(20));
  EXPECT_GT(talk.num_left_out(), 0U);
}

TEST(Conversation, AMessageLeftOutCanBeEditedAndWhatStoodBeforeItComesBack) {
  Conversation talk = Open(160);
  Say(&talk, "the very first");
  for (int turn = 0; turn < 20; ++turn)
    Say(&talk, turn == 9 ? "picture" : "on", turn == 9 ? std::vector{Rgb()} : std::vector<Attachment>{});
  ASSERT_GT(talk.num_left_out(), 22U);
  const std::string before = talk.Save().Dump(Json::Style::kPretty);
  EXPECT_FALSE(talk.Edit(11, "no picture there any more", {}).ok());
  TalkListener stop;
  stop.reply = [](const Event&) { return false; };
  const std::size_t num_left_out = talk.num_left_out();
  EXPECT_FALSE(Get(talk.Edit(3, "changed", stop)).is_kept);
  EXPECT_EQ(talk.num_left_out(), num_left_out);
  EXPECT_EQ(talk.Save().Dump(Json::Style::kPretty), before);
  // Those before the picture have to stay away, those behind it come back.
  const Answer twelfth = Get(talk.Edit(12, "changed", {}));
  EXPECT_TRUE(twelfth.is_kept);
  EXPECT_EQ(talk.num_left_out(), 22U);
  EXPECT_EQ(talk.messages().size(), 2U);
  Get(talk.Edit(3, "changed", {}));
  EXPECT_EQ(talk.num_left_out(), 0U);
  ASSERT_EQ(talk.messages().size(), 6U);
  EXPECT_EQ(talk.messages()[0].content[0].text, "the very first");
  EXPECT_EQ(talk.messages()[4].content[0].text, "changed");
}

}  // namespace
}  // namespace thimble::testing
