// SPDX-License-Identifier: Apache-2.0
#include "service/chat_form.h"

#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSha = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

std::string Id(const std::string& name) { return name + std::string(kChatIdChars - name.size(), '0'); }

Json Parse(const std::string& text) { return Json::Parse(text, "test").value(); }

// The status of the fault that reading `text` ends in; 200 where there is none.
template <typename Read>
int StatusOf(Read read, const std::string& text) {
  const auto value = read(Parse(text));
  return value.ok() ? 200 : value.error().status;
}

ChatMessage Message(const std::string& id, const std::string& parent, const std::string& role,
                    const std::string& text) {
  ChatMessage message;
  message.id = Id(id);
  message.parent = parent.empty() ? "" : Id(parent);
  message.role = role;
  message.text = text;
  message.pictures = Json::Array();
  message.facts = Json::Object();
  return message;
}

TEST(ChatForm, AChatComesBackFromItsJson) {
  ChatSummary chat;
  chat.id = Id("c");
  chat.title = "On \"tea\" \n茶";
  chat.model = "small";
  chat.instructions = "Be brief.";
  chat.folder = "Work";
  chat.head = Id("m");
  chat.is_pinned = true;
  chat.created = 1'700'000'000'123;
  chat.updated = 1'700'000'000'456;
  chat.num_messages = 3;
  const Json json = ChatJson(chat);
  EXPECT_EQ(json.Find("messages")->AsInt(), 3);
  const auto back = ReadChat(Parse(json.Dump()));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back.value().num_messages, 0);  // the store's to count
  chat.num_messages = 0;
  EXPECT_EQ(ChatJson(back.value()).Dump(), ChatJson(chat).Dump());
}

TEST(ChatForm, AMessageComesBackFromItsJson) {
  ChatMessage message = Message("m", "p", "assistant", "Hello\nthere \U0001F642");
  message.model = "small";
  message.state = MessageState::kStopped;
  message.created = 5;
  message.reasoning = "hm";
  message.pictures = Parse(Cat(R"([{"sha256":")", kSha, R"(","name":"a.png","width":3,"height":4,"tokens":64}])"));
  message.facts = Parse(R"({"finish":"stop","usage":{"prompt_tokens":3}})");
  const auto back = ReadMessage(Parse(MessageJson(message).Dump()));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(MessageJson(back.value()).Dump(), MessageJson(message).Dump());
}

TEST(ChatForm, HitsAreThereWhereSomethingWasSearchedFor) {
  ChatHit hit;
  EXPECT_EQ(HitJson(hit).Find("hit"), nullptr);
  hit.message = Id("m");
  hit.excerpt = "a word";
  EXPECT_EQ(HitJson(hit).Find("hit")->Dump(), Cat(R"({"message":")", Id("m"), R"(","excerpt":"a word"})"));
}

TEST(ChatForm, AbsentPartsOfAChangeStayAbsent) {
  const auto nothing = ReadChatChange(Parse(R"({"other": 1, "title": null})"));
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing.value().title || nothing.value().folder || nothing.value().head || nothing.value().is_pinned);
  const auto some = ReadChatChange(Parse(R"({"title": "", "pinned": false})"));
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(some.value().title, "");
  EXPECT_EQ(some.value().is_pinned, false);
  const auto message = ReadMessageChange(Parse(R"({"state": "failed", "facts": {"a": 1}})"));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message.value().state, MessageState::kFailed);
  EXPECT_FALSE(message.value().text || message.value().pictures);
  EXPECT_EQ(message.value().facts->Dump(), R"({"a":1})");
}

TEST(ChatForm, BoundsOfChats) {
  const auto chat = [](const std::string& text) { return StatusOf(ReadChat, text); };
  EXPECT_EQ(chat("{}"), 200);
  EXPECT_EQ(chat("[]"), 400);
  EXPECT_EQ(chat(R"({"id": "short"})"), 400);
  EXPECT_EQ(chat(Cat(R"({"id": ")", Id("../"), "\"}")), 400);
  EXPECT_EQ(chat(R"({"title": 3})"), 400);
  EXPECT_EQ(chat(R"({"pinned": "yes"})"), 400);
  EXPECT_EQ(chat(R"({"created": -1})"), 400);
  EXPECT_EQ(chat(R"({"created": 1e300})"), 400);
  std::string title;
  for (std::size_t i = 0; i < kMostTitleChars; ++i) title += "茶";
  EXPECT_EQ(chat(Cat(R"({"title": ")", title, "\"}")), 200);  // characters, not bytes
  EXPECT_EQ(chat(Cat(R"({"title": ")", title, "x\"}")), 400);
  EXPECT_EQ(chat(Cat(R"({"instructions": ")", std::string(kMostInstructionBytes + 1, 'x'), "\"}")), 413);
}

TEST(ChatForm, BoundsOfMessages) {
  const auto with = [](const std::string& more) {
    return StatusOf(ReadMessage, Cat(R"({"id": ")", Id("m"), R"(", "role": "user")", more, "}"));
  };
  EXPECT_EQ(with(""), 200);
  EXPECT_EQ(with(Cat(R"(, "parent": ")", Id("m"), "\"")), 400);
  EXPECT_EQ(with(R"(, "role": "system")"), 400);
  EXPECT_EQ(with(R"(, "state": "over")"), 400);
  EXPECT_EQ(with(R"(, "state": 1)"), 400);
  EXPECT_EQ(with(Cat(R"(, "text": ")", std::string(kMostMessageBytes, 'x'), "\"")), 200);
  EXPECT_EQ(with(Cat(R"(, "text": ")", std::string(kMostMessageBytes + 1, 'x'), "\"")), 413);
  EXPECT_EQ(with(Cat(R"(, "reasoning": ")", std::string(kMostMessageBytes + 1, 'x'), "\"")), 413);
  EXPECT_EQ(with(R"(, "facts": [])"), 400);
  EXPECT_EQ(with(Cat(R"(, "facts": {"a": ")", std::string(kMostFactsBytes, 'x'), "\"}")), 413);
  EXPECT_EQ(with(R"(, "pictures": {})"), 400);
  EXPECT_EQ(with(R"(, "pictures": [{"name": "a.png"}])"), 400);
  EXPECT_EQ(with(Cat(R"(, "pictures": [{"sha256": ")", kSha, "\"}]")), 200);
  EXPECT_EQ(with(Cat(R"(, "pictures": [{"sha256": ")", kSha, R"(", "width": -1}])")), 400);
  EXPECT_EQ(with(Cat(R"(, "pictures": [{"sha256": "../)", std::string(kSha).substr(3), "\"}]")), 400);
  std::string many;
  for (std::size_t i = 0; i <= kMostMessagePictures; ++i) many += Cat(i == 0 ? "" : ",", R"({"sha256":")", kSha, "\"}");
  EXPECT_EQ(with(Cat(R"(, "pictures": [)", many, "]")), 400);
}

TEST(ChatForm, PicturesKeepOnlyWhatIsKnownOfThem) {
  const auto message = ReadMessage(Parse(Cat(R"({"id": ")", Id("m"), R"(", "role": "user", "pictures": [{"sha256": ")",
                                             kSha, R"(", "width": null, "evil": [1, 2]}]})")));
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message.value().pictures.Dump(), Cat(R"([{"sha256":")", kSha, "\"}]"));
}

TEST(ChatForm, WhatAProgramGivesIsCheckedToo) {
  ChatMessage message = Message("m", "", "user", "\xff");
  EXPECT_EQ(CheckMessage(message).error().status, 400);
  message.text = "fine";
  message.facts = Json();
  message.pictures = Json();
  EXPECT_TRUE(CheckMessage(message).ok());
  ChatSummary chat;
  EXPECT_FALSE(CheckChat(chat, false).ok());
  EXPECT_TRUE(CheckChat(chat, true).ok());
}

std::vector<ChatMessage> Tree() {
  std::vector<ChatMessage> messages = {Message("u1", "", "user", "Which tea?"),
                                       Message("a1", "u1", "assistant", "Green."),
                                       Message("a2", "u1", "assistant", "Black."), Message("u2", "a1", "user", "Why?")};
  messages[0].created = 1'764'478'920'000;
  messages[0].pictures = Parse(Cat(R"([{"sha256":")", kSha, R"(","name":"cup\n1.png","width":3,"height":4}])"));
  messages[1].model = "small";
  messages[1].reasoning = "secret thoughts";
  messages[2].state = MessageState::kStopped;
  return messages;
}

TEST(ChatForm, TheShownBranchLeadsToTheHead) {
  const auto texts = [](const std::string& head) {
    std::string all;
    for (const ChatMessage& message : ShownBranch(Tree(), head)) all += message.text + "|";
    return all;
  };
  EXPECT_EQ(texts(Id("u2")), "Which tea?|Green.|Why?|");
  EXPECT_EQ(texts(Id("a2")), "Which tea?|Black.|");
  EXPECT_EQ(texts(""), "");
  EXPECT_EQ(texts(Id("nobody")), "");
  std::vector<ChatMessage> circle = {Message("x", "y", "user", "x"), Message("y", "x", "user", "y")};
  EXPECT_EQ(ShownBranch(circle, Id("x")).size(), 2U);
}

TEST(ChatForm, ATitleIsTheFirstWords) {
  EXPECT_EQ(TitleFrom("  Why is\n\n the sky  blue? "), "Why is the sky blue?");
  EXPECT_EQ(TitleFrom(""), "");
  EXPECT_EQ(TitleFrom("Please tell me everything that you know about the history of tea in Asia"),
            "Please tell me everything that you know about the history of…");  // 60 characters, and no half word
  EXPECT_EQ(TitleFrom("Please tell me everything that you know about the histories of tea in Asia"),
            "Please tell me everything that you know about the histories…");
  EXPECT_EQ(TitleFrom("Please tell me everything that you know about prehistories of tea in Asia"),
            "Please tell me everything that you know about prehistories…");
  EXPECT_EQ(TitleFrom(std::string(200, 'x')), std::string(60, 'x') + "…");
  std::string tea;
  for (int i = 0; i < 61; ++i) tea += "茶";
  EXPECT_EQ(TitleFrom(tea), tea.substr(3) + "…");
}

TEST(ChatForm, MarkdownShowsOneBranch) {
  ChatSummary chat;
  chat.title = "Tea\n# not a heading";
  chat.created = 1'764'478'920'000;
  chat.head = Id("u2");
  const std::string text = ChatMarkdown(chat, Tree());
  EXPECT_THAT(text, HasSubstr("# Tea # not a heading\n\n2025-11-30 05:02 UTC\n"));
  EXPECT_THAT(text, HasSubstr("## You, 2025-11-30 05:02 UTC\n\n*Picture: cup 1.png (3 x 4)*\n\nWhich tea?\n"));
  EXPECT_THAT(text, HasSubstr("## Assistant (small), "));
  EXPECT_THAT(text, HasSubstr("Green."));
  EXPECT_THAT(text, HasSubstr("Why?"));
  EXPECT_THAT(text, Not(HasSubstr("Black.")));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  chat.head = Id("a2");
  EXPECT_THAT(ChatMarkdown(chat, Tree()), HasSubstr("Black.\n\n*(stopped)*\n"));
}

TEST(ChatForm, ADocumentHasAllBranchesAndComesBack) {
  ChatSummary chat;
  chat.id = Id("c");
  chat.head = Id("u2");
  const std::string text = ChatDocumentJson(chat, Tree()).Dump();
  EXPECT_THAT(text, HasSubstr(R"({"thimble":1,"chat":{)"));
  const auto back = ParseChatDocument(text);
  ASSERT_TRUE(back.ok()) << back.error().message;
  ASSERT_EQ(back.value().messages.size(), 4U);
  EXPECT_EQ(ChatDocumentJson(back.value().chat, back.value().messages).Dump(), text);
}

TEST(ChatForm, BrokenDocumentsAreRefused) {
  const auto status = [](const std::string& text) {
    const auto document = ParseChatDocument(text);
    return document.ok() ? 200 : document.error().status;
  };
  const auto message = [](const std::string& id, const std::string& parent) {
    return Cat(R"({"id":")", Id(id), R"(","role":"user","parent":")", parent.empty() ? "" : Id(parent), "\"}");
  };
  EXPECT_EQ(status(""), 400);
  EXPECT_EQ(status("{"), 400);
  EXPECT_EQ(status("{}"), 400);
  EXPECT_EQ(status(R"({"chat":{}})"), 400);
  EXPECT_EQ(status(R"({"chat":{},"messages":[]})"), 200);
  EXPECT_EQ(status(R"({"thimble":2,"chat":{},"messages":[]})"), 400);
  EXPECT_EQ(status(R"({"chat":{},"messages":[3]})"), 400);
  EXPECT_EQ(status(Cat(R"({"chat":{},"messages":[)", message("a", ""), ",", message("b", "a"), "]}")), 200);
  EXPECT_EQ(status(Cat(R"({"chat":{},"messages":[)", message("b", "a"), ",", message("a", ""), "]}")), 400);
  EXPECT_EQ(status(Cat(R"({"chat":{},"messages":[)", message("a", ""), ",", message("a", ""), "]}")), 400);
  EXPECT_EQ(status(Cat(R"({"chat":{"head":")", Id("x"), R"("},"messages":[]})")), 400);
  const auto running = ParseChatDocument(
      Cat(R"({"chat":{},"messages":[{"id":")", Id("a"), R"(","role":"assistant","state":"running"}]})"));
  ASSERT_TRUE(running.ok());
  EXPECT_EQ(running.value().messages[0].state, MessageState::kStopped);
}

}  // namespace
}  // namespace thimble::service
