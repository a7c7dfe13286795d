// SPDX-License-Identifier: Apache-2.0
// Bodies: what is no bounded JSON object is 400, and soon.
#include "service/request_body.h"

#include "service/anthropic_request.h"
#include "service/openai_request.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace thimble::service {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kMostSeconds = 2.0;  // what watches over the program takes its time
#else
constexpr double kMostSeconds = 0.2;
#endif

std::string Repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(RequestBody, ReadsAnObject) {
  const auto body = ParseBody(R"( {"a": [1, "}{][,\"\\", {"b": null}]} )");
  ASSERT_TRUE(body.ok()) << body.error().message;
  EXPECT_EQ(body.value().Find("a")->items().size(), 3U);
  const std::string deep = Repeated("[", kMostBodyDepth - 1) + Repeated("]", kMostBodyDepth - 1);
  EXPECT_TRUE(ParseBody(R"({"a": )" + deep + "}").ok());
  // Brackets and commas in text are text.
  EXPECT_TRUE(ParseBody(R"({"a": ")" + Repeated("[{,", 300'000) + "\"}").ok());
}

// Long plain strings are taken out before the rest is parsed; others are not, and both read the same.
TEST(RequestBody, LongStringsReadAsTheyAreWritten) {
  const std::string picture = Repeated("ABCD", 30'000);
  const std::string words = Repeated("\xc3\xa4\xe2\x82\xac", 20'000);
  for (const std::string& other : {std::string(R"("x")"), std::string(R"("\u0001" )"), std::string(R"("\u00010")"),
                                   "\"" + words + "\"", "\"" + picture + "\\n\"", "\"" + picture + "E\""}) {
    const std::string text = R"({"a": ")" + picture + R"(", "b": [)" + other + R"(, ")" + picture + R"("], ")" +
                             picture + R"(" : {"c": ")" + words + "\"}}";
    const auto body = ParseBody(text);
    ASSERT_TRUE(body.ok()) << body.error().message;
    EXPECT_TRUE(body.value().Dump() == Json::Parse(text, "test").value().Dump()) << other.substr(0, 20);
  }
  // What is no JSON stays none.
  for (const std::string& text :
       {R"({"a": ")" + picture, R"({"a": ")" + picture + "\"", "\"" + picture + "\"", R"({"a" ")" + picture + "\"}",
        R"({"a": ")" + picture + "\x02\"}", R"({"a": ")" + picture + "\xff\"}", R"({"a": ")" + picture + "\\\"}"})
    EXPECT_FALSE(ParseBody(text).ok());
}

TEST(RequestBody, RefusesEverythingElse) {
  for (const char* body : {"",
                           " \n",
                           "[]",
                           "1",
                           "null",
                           "\"x\"",
                           "{",
                           "{]",
                           "nonsense",
                           "{\"a\":1}}",
                           "{\"a\":NaN}",
                           "{\"a\":1e309}",
                           "{\"a\":-1e309}",
                           "{\"a\":\"\\ud800\"}",
                           "{\"a\":\"\\udc00x\"}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"",
                           "{\"a\":\"\\",
                           "{\"a\":01}",
                           "{'a':1}",
                           "\xef\xbb\xbf"}) {
    const auto read = ParseBody(body);
    ASSERT_FALSE(read.ok()) << body;
    EXPECT_EQ(read.error().status, 400);
    EXPECT_FALSE(read.error().message.empty());
  }
  EXPECT_EQ(ParseBody(R"({"a": secret-word})").error().message.find("secret"), std::string::npos);
}

// Each within 100 ms, from the bytes to the fault: what is large is refused before values are made of it.
TEST(RequestBody, HostileBodiesAreRefusedSoon) {
  const std::string chat = R"({"messages": [{"role": "user", "content": "x"}], )";
  const std::string bodies[] = {
      R"({"messages": )" + Repeated("[", 10'000) + Repeated("]", 10'000) + "}",
      R"({"messages": )" + Repeated(R"({"a":)", 10'000) + "1" + Repeated("}", 10'000) + "}",
      chat + R"("stop": [)" + Repeated("\"x\",", 1'000'000) + "\"x\"]}",
      chat + R"("stop": [)" + Repeated("\"x\",", 100'000) + "\"x\"]}",
      chat + R"("stop": ")" + Repeated("x", 1'001) + "\"}",
      chat + R"("temperature": 1e309})",
      chat + R"("n": -1})",
      chat + R"("max_tokens": -1})",
      chat + R"("max_tokens": 1e30})",
      chat + R"("top_logprobs": 1e9, "logprobs": true})",
      chat + R"("user": "\ud800"})",
      chat + R"("logit_bias": {"1": NaN}})",
      chat + R"("messages": [)" + Repeated("0,", 5'000'000) + "0]}",
      R"({"messages": 5})",
      R"({"messages": []})",
      R"({"messages": {}})",
      R"({"messages": [[]]})",
      R"({"messages": [null]})",
      R"({})",
  };
  for (const std::string& text : bodies) {
    const std::clock_t begin = std::clock();  // this thread's work, whatever else the machine does
    for (const auto parse : {ParseOpenAiChat, ParseAnthropicMessages}) {
      const auto body = ParseBody(text);
      if (body.ok()) {
        const auto ask = parse(body.value());
        // Anthropic's API has neither "n" nor log probabilities.
        const bool is_strange = parse == ParseAnthropicMessages && text.find("logprobs") != std::string::npos;
        ASSERT_TRUE(is_strange || !ask.ok()) << text.substr(0, 200);
        if (!ask.ok()) {
          EXPECT_EQ(ask.error().status, 400);
          EXPECT_LT(ask.error().message.size(), 1000U);
        }
      } else {
        EXPECT_EQ(body.error().status, 400);
      }
    }
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, kMostSeconds) << text.substr(0, 200);  // both forms
  }
}

}  // namespace
}  // namespace thimble::service
