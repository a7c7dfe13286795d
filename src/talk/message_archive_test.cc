// SPDX-License-Identifier: Apache-2.0
#include "talk/message_archive.h"

#include "session_tools.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {
namespace {

std::string Dump(const Message& message) { return MessagesToJson({message}).Dump(); }

TEST(MessageArchive, GivesBackWhatItGot) {
  std::vector<Message> messages = {UserMessage("plain"), UserMessage(""),
                                   UserMessage("wörld \x01 \"quoted\"\n", "a b.png")};
  Message answer{"assistant", {{Part::Kind::kText, "It is noon.", ""}}, false, "I have to look.", {}};
  answer.tool_calls.push_back({"clock", Get(Json::Parse(R"({"zone": [1, 2.50, null]})", "test"))});
  messages.push_back(answer);
  messages.push_back({"tool", {{Part::Kind::kText, "noon", ""}}, false, {}, {}});
  // As a file would say it: bytes that are no UTF-8. Arguments nested as deeply as can be stay whole.
  messages.push_back(UserMessage("look", "latin-\xe4.png"));
  std::string deep = std::string(250, '[') + std::string(250, ']');
  answer.tool_calls[0].arguments = Json::Object({{"deep", Get(Json::Parse(deep, "test"))}});
  messages.push_back(answer);
  Message nothing;
  nothing.role = "assistant";
  messages.push_back(nothing);

  MessageArchive archive;
  for (std::size_t i = 0; i < messages.size(); ++i) archive.Push(messages[i], static_cast<std::int64_t>(10 * i));
  const MessageArchive copy = archive;
  archive.Resize(5);
  archive.Push(messages[0], 7);
  EXPECT_EQ(archive.size(), 6U);
  EXPECT_EQ(Dump(archive.Get(4)), Dump(messages[4]));
  EXPECT_EQ(Dump(archive.Get(5)), Dump(messages[0]));
  archive.Clear();
  EXPECT_EQ(archive.size(), 0U);
  ASSERT_EQ(copy.size(), messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message back = copy.Get(i);
    EXPECT_EQ(Dump(back), Dump(messages[i])) << i;
    EXPECT_EQ(Json::Array({copy.ToJson(i)}).Dump(), Dump(messages[i])) << i;
    EXPECT_EQ(back.role, messages[i].role);
    EXPECT_EQ(back.reasoning_content, messages[i].reasoning_content);
    EXPECT_EQ(copy.tokens(i), static_cast<std::int64_t>(10 * i));
    EXPECT_EQ(copy.is_question(i), messages[i].role == "user") << i;
    EXPECT_EQ(copy.has_pictures(i), i == 2 || i == 5) << i;
  }
  EXPECT_EQ(copy.Get(2).content[0].source, "a b.png");
}

}  // namespace
}  // namespace thimble::testing
