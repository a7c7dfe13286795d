// SPDX-License-Identifier: Apache-2.0
// Whole replies, equal to the reference's on every system that the core runs on: this is built for each of them.
#include "session_tools.h"
#include "talk/conversation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace thimble::testing {
namespace {

struct Case {
  const char* path;
  const char* expected;
};

// The most probable token each time, whatever it is.
GenerateRequest Greedy(std::vector<std::int32_t> ids, std::size_t max_tokens) {
  GenerateRequest request;
  request.prompt = PromptIds{std::move(ids), {}};
  request.sampling.temperature = 0.0;
  request.max_tokens = static_cast<int>(max_tokens);
  request.ignore_eos = true;
  return request;
}

Json Cases(const Case& test, const std::string& name) {
  return LoadJson(Fixture(std::string("expected/") + test.expected + "/" + name));
}

class Replies : public ::testing::TestWithParam<Case> {};

TEST_P(Replies, ToIdsAreTheReference) {
  const auto engine = OpenModel(GetParam().path);
  int num_compared = 0;
  const Json cases = Cases(GetParam(), "text_cases.json");
  for (const Json& item : cases.Find("cases")->items()) {
    const Json* const greedy = item.Find("greedy");
    if (greedy == nullptr) continue;
    const auto wanted = Ids(*greedy->Find("ids"));
    EXPECT_EQ(Get(NewSession(engine)->Generate(Greedy(Ids(*item.Find("ids")), wanted.size()), kNoSink)).ids, wanted)
        << item.Find("name")->text();
    ++num_compared;
  }
  EXPECT_EQ(num_compared, 3);
}

TEST_P(Replies, ToPicturesAreTheReference) {
  const auto engine = OpenModel(GetParam().path);
  if (!engine->can_see()) GTEST_SKIP() << "this model does not see";
  int num_compared = 0;
  const Json cases = Cases(GetParam(), "vision/vision_cases.json");
  for (const Json& item : cases.items()) {
    const auto& images = item.Find("images")->items();
    if (!std::all_of(images.begin(), images.end(), [](const Json& image) { return CanLoadPicture(image.text()); }))
      continue;
    const auto wanted = Ids(*item.Find("greedy")->Find("ids"));
    // The conversation itself, from its words to its pictures' patches.
    GenerateRequest request = Greedy({}, wanted.size());
    Chat chat;
    chat.messages = Get(ParseChat(*item.Find("conversation"), ArgumentStrings::kKeep)).messages;
    request.prompt = std::move(chat);
    for (const Json& image : images) request.pictures.push_back(LoadImage(image.text()));
    const Reply reply = Get(NewSession(engine)->Generate(request, kNoSink));
    EXPECT_EQ(reply.prompt_ids, Ids(*item.Find("ids"))) << item.Find("name")->text();
    EXPECT_EQ(reply.ids, wanted) << item.Find("name")->text();
    ++num_compared;
  }
  EXPECT_GE(num_compared, 5);
}

TEST_P(Replies, OfAConversationAreThoseOfAFreshSession) {
  const auto engine = OpenModel(GetParam().path, Precision::kFast);
  GenerateRequest how = Ask("", 8);
  Conversation talk(engine, NewSession(engine), how, "Be brief.", WhenFull::kWindow);
  std::vector<Attachment> attached;
  Get(talk.Ask("one", &attached, {}));
  const Reply second = Get(talk.Ask("two", &attached, {})).reply;
  EXPECT_GT(second.stats.reused_tokens, 0);
  how.chat().messages.assign(talk.messages().begin(), talk.messages().end() - 1);
  EXPECT_EQ(Get(NewSession(engine)->Generate(how, kNoSink)).ids, second.ids);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Replies,
                         ::testing::Values(Case{"models/text-tied", "text-tied"},
                                           Case{"gguf/text-tied-f32.gguf", "text-tied"},
                                           Case{"gguf/text-untied-bf16.gguf", "text-untied"}, Case{"models/vl", "vl"},
                                           Case{"models/vl-mtp", "vl-mtp"}),
                         NamedByPath());

TEST(Sessions, AnswerInTurn) {
  const auto engine = OpenModel("gguf/text-tied-q8_0.gguf", Precision::kFast);
  const auto one = NewSession(engine);
  const auto two = NewSession(engine);
  const auto first = Get(one->Generate(Ask("first"), kNoSink)).ids;
  const auto second = Get(two->Generate(Ask("second"), kNoSink)).ids;
  EXPECT_EQ(Get(two->Generate(Ask("first"), kNoSink)).ids, first);
  EXPECT_EQ(Get(one->Generate(Ask("second"), kNoSink)).ids, second);
}

}  // namespace
}  // namespace thimble::testing
