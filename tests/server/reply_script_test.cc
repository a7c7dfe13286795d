// SPDX-License-Identifier: Apache-2.0
// Replies from a script, as tests of clients and of the page use them.
#include "reply_script.h"

#include "host/find_model.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace thimble::testing {
namespace {

constexpr const char* kScript = R"({"rules": [
    {"user": "weather", "role": "user", "tool": "get", "say": "<think>\nHm.\n</think>\n\n<tool_call>\nx</tool_call>"},
    {"tool": "get", "role": "tool", "say": "Sunny."}, {"user": "free"}], "default": "Hello."})";

service::Ask Asked(std::vector<std::pair<std::string, std::string>> messages, const std::string& tool = "") {
  Chat chat;
  for (auto& [role, text] : messages) {
    Message message;
    message.role = role;
    message.content.push_back({Part::Kind::kText, text, ""});
    chat.messages.push_back(std::move(message));
  }
  if (!tool.empty()) chat.tools.push_back(Json::Object({{"name", Json::String(tool)}}));
  service::Ask ask;
  ask.generate.prompt = std::move(chat);
  return ask;
}

std::string Said(const ReplyScript& script, const service::Ask& ask) {
  const ScriptRule* rule = FindRule(script, ask);
  return rule == nullptr ? "no rule" : rule->say.value_or("what it likes");
}

TEST(ReplyScript, TheFirstRuleThatFitsRules) {
  auto script = ParseReplyScript(kScript);
  ASSERT_TRUE(script.ok()) << script.error().message;
  EXPECT_EQ(Said(script.value(), Asked({{"user", "The weather?"}}, "get_it")).substr(0, 7), "<think>");
  EXPECT_EQ(Said(script.value(), Asked({{"user", "The weather?"}})), "Hello.");
  EXPECT_EQ(Said(script.value(), Asked({{"user", "The weather?"}, {"tool", "20"}}, "get_it")), "Sunny.");
  EXPECT_EQ(Said(script.value(), Asked({{"user", "free"}})), "what it likes");
  EXPECT_EQ(Said(script.value(), Asked({{"user", "free"}, {"user", "not"}})), "Hello.");
  script.value().rules.pop_back();
  EXPECT_EQ(Said(script.value(), Asked({{"user", "x"}})), "no rule");
}

TEST(ReplyScript, RefusesWhatIsNone) {
  for (const char* text : {"[]", "{", R"({"defaul": "x"})", R"({"default": 1})", R"({"tokens_per_second": 0})",
                           R"({"rules": [1]})", R"({"rules": [{"says": "x"}]})", R"({"rules": [{"say": null}]})"})
    EXPECT_FALSE(ParseReplyScript(text).ok()) << text;
}

class ScriptFilterTest : public ::testing::Test {
 protected:
  ScriptFilterTest() {
    host::OpenOptions options;
    options.model = std::string(THIMBLE_FIXTURES_DIR) + "/models/vl";
    options.threads = 1;
    options.context = 256;
    auto engine = host::OpenModel(options);
    EXPECT_TRUE(engine.ok());
    model_ = std::make_unique<service::LiveModel>("vl", engine.value());
  }
  // What the filter lets be written, until it ends; from `forced` on the engine writes `inserted` itself.
  std::string Write(const std::string& say, bool starts_in_thinking, std::size_t forced = 1'000,
                    const std::string& inserted = "") {
    ReplyScript script;
    script.tokens_per_second = tokens_per_second_;
    script.rules.push_back({"", "", "", say});
    const auto filter = ScriptedFilter(script, Asked({{"user", "x"}}), *model_);
    filter->Begin(starts_in_thinking);
    const Tokenizer& tokenizer = model_->engine->tokenizer();
    std::string text;
    for (std::size_t i = 0; i < 200; ++i) {
      if (i == forced) {
        for (const std::int32_t id : tokenizer.Encode(inserted, AddedTokens::kRecognise)) {
          filter->Accept(id);
          text += tokenizer.TokenBytes(id);
        }
      }
      const TokenMask* allowed = filter->Allowed();
      EXPECT_EQ(allowed->count(), 1U);
      const auto id = static_cast<std::int32_t>(allowed->end()) - 1;
      if (id == tokenizer.end_tokens().front()) return text;
      filter->Accept(id);
      text += tokenizer.TokenBytes(id);
    }
    return "no end";
  }
  double tokens_per_second_ = 0;
  std::unique_ptr<service::LiveModel> model_;
};

TEST_F(ScriptFilterTest, HoldsItsPace) {
  tokens_per_second_ = 100;
  const auto began = std::chrono::steady_clock::now();
  const std::string say = "One, two, three, four, five.";
  EXPECT_EQ(Write(say, false), say);
  const auto count = model_->engine->tokenizer().Encode(say, AddedTokens::kRecognise).size();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took.count(), static_cast<double>(count) / tokens_per_second_);
}

TEST_F(ScriptFilterTest, WritesItsTextAndTheEnd) {
  EXPECT_EQ(Write("Hello, 你好 <tool_call>", false), "Hello, 你好 <tool_call>");
  EXPECT_EQ(Write("", false), "");
}

TEST_F(ScriptFilterTest, ThinksWhereItIsAskedTo) {
  const std::string say = "<think>\nHm, well.\n</think>\n\nYes.";
  EXPECT_EQ(Write(say, true), "Hm, well.\n</think>\n\nYes.");
  EXPECT_EQ(Write(say, false), "Yes.");
  EXPECT_EQ(Write("Yes.", true), "\n</think>\n\nYes.");
  EXPECT_EQ(Write("<think>without an end", false), "<think>without an end");
  // A budget of thinking that is used up.
  EXPECT_EQ(Write(say, true, 1, "\n</think>\n\n").substr(1), "\n</think>\n\nYes.");
}

}  // namespace
}  // namespace thimble::testing
