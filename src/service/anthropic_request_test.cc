// SPDX-License-Identifier: Apache-2.0
// Requests of Anthropic's API.
#include "service/anthropic_request.h"

#include "service/request_body.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble::service {
namespace {

OrFault<Ask> Parse(const std::string& text) {
  const auto body = ParseBody(text);
  EXPECT_TRUE(body.ok()) << text;
  if (!body.ok()) return body.error();
  return ParseAnthropicMessages(body.value());
}

Ask Read(const std::string& keys, const std::string& messages = R"({"role": "user", "content": "x"})") {
  auto ask = Parse(R"({"messages": [)" + messages + "]" + (keys.empty() ? "" : ", " + keys) + "}");
  EXPECT_TRUE(ask.ok()) << keys << ": " << (ask.ok() ? "" : ask.error().message);
  return ask.ok() ? std::move(ask).value() : Ask{};
}

std::string WrongKey(const std::string& keys) {
  const auto ask = Parse(R"({"messages": [{"role": "user", "content": "x"}], )" + keys + "}");
  EXPECT_FALSE(ask.ok()) << keys;
  if (ask.ok()) return "";
  EXPECT_EQ(ask.error().status, 400);
  return ask.error().param;
}

constexpr const char* kTools =
    R"("tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}},
                 {"type": "custom", "name": "g", "input_schema": {"type": "object"}},
                 {"type": "bash_20250124", "name": "bash"}])";

TEST(AnthropicRequest, ReadsSettings) {
  const Ask ask = Read(R"("model": "claude", "max_tokens": 100, "stop_sequences": ["s"], "temperature": 0, "top_p": 0.5,
      "top_k": 3, "stream": true, "metadata": {"user_id": "u"}, "service_tier": "auto")");
  EXPECT_EQ(ask.model, "claude");
  EXPECT_EQ(ask.generate.max_tokens, 100);
  EXPECT_EQ(ask.generate.stop_strings, std::vector<std::string>{"s"});
  EXPECT_EQ(ask.generate.sampling.temperature, 0.0);
  EXPECT_EQ(ask.generate.sampling.top_k, 3);
  EXPECT_TRUE(ask.is_stream);
  EXPECT_EQ(ask.ignored, "");
  EXPECT_EQ(Read("").generate.max_tokens, 4096);
}

TEST(AnthropicRequest, SystemTextWithoutTheLineThatAlwaysChanges) {
  const auto system = [](const std::string& value) {
    const Ask ask = Read(R"("system": )" + value);
    const Message& first = ask.generate.chat().messages.at(0);
    if (first.role != "system") return std::string("none");
    std::string text;
    for (const Part& part : first.content) text += part.text;
    return text;
  };
  EXPECT_EQ(system(R"("be kind")"), "be kind");
  EXPECT_EQ(system(R"([{"type": "text", "text": "x-anthropic-billing-header: cc_version=1; cch=abc"},
                       {"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}])"),
            "be kind");
  EXPECT_EQ(system(R"([{"type": "text", "text": "x-anthropic-billing-header: cch=abc"}])"), "none");
  EXPECT_EQ(system(R"("")"), "none");
  EXPECT_EQ(system("[]"), "none");
  EXPECT_EQ(WrongKey(R"("system": 5)"), "system");
  EXPECT_EQ(WrongKey(R"("system": [5])"), "system");
  EXPECT_EQ(WrongKey(R"("system": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}])"), "system");
}

TEST(AnthropicRequest, Blocks) {
  const Ask ask = Read(kTools, R"(
      {"role": "user", "content": [{"type": "text", "text": "look", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "why", "signature": "s"},
        {"type": "redacted_thinking", "data": "zzz"}, {"type": "text", "text": "I look"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
        {"type": "text", "text": "seen"}, {"type": "image", "source": {"type": "base64", "data": "BBBB"}}]},
        {"type": "text", "text": "and?"}]})");
  const std::vector<Message>& messages = ask.generate.chat().messages;
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0].content.at(1).source, "data:image;base64,AAAA");
  EXPECT_EQ(messages[1].reasoning_content, "why");
  EXPECT_EQ(messages[1].tool_calls.at(0).arguments.Dump(), R"({"a":1})");
  EXPECT_EQ(messages[2].role, "tool");
  EXPECT_EQ(messages[2].content.at(1).source, "data:image;base64,BBBB");
  EXPECT_EQ(messages[3].content.at(0).text, "and?");
  EXPECT_FALSE(ask.generate.chat().options.continue_final_message);
  for (const char* source :
       {R"({"type": "url", "url": "https://example.com/x.png"})", R"({"type": "file", "file_id": "f"})"}) {
    const auto refused = Parse(R"({"messages": [{"role": "user", "content": [{"type": "image", "source": )" +
                               std::string(source) + "}]}]}");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().param, "messages");
  }
}

TEST(AnthropicRequest, AnAnswerThatIsBegunGoesOn) {
  const Ask ask = Read("", R"({"role": "user", "content": "x"}, {"role": "assistant", "content": "It is"})");
  EXPECT_TRUE(ask.generate.chat().options.continue_final_message);
  EXPECT_FALSE(ask.generate.chat().options.add_generation_prompt);
}

TEST(AnthropicRequest, Tools) {
  const auto choice = [](const std::string& keys) {
    const Ask ask = Read(std::string(kTools) + (keys.empty() ? "" : R"(, "tool_choice": )" + keys));
    EXPECT_EQ(ask.ignored, "\"bash_20250124\" of tools");
    if (!ask.grammar.has_value()) return std::string(ask.generate.chat().tools.empty() ? "dropped" : "free");
    std::string out = ask.grammar->must_call ? "must" : "may";
    if (ask.grammar->one_call) out += " once";
    for (const Json& tool : ask.grammar->tools) out += " " + tool.Find("function")->Find("name")->text();
    return out;
  };
  EXPECT_EQ(choice(""), "may f g");
  EXPECT_EQ(choice(R"({"type": "auto", "disable_parallel_tool_use": true})"), "may once f g");
  EXPECT_EQ(choice(R"({"type": "any"})"), "must f g");
  EXPECT_EQ(choice(R"({"type": "tool", "name": "g"})"), "must once g");
  EXPECT_EQ(choice(R"({"type": "none"})"), "dropped");
  for (const char* wrong :
       {R"("auto")", R"({"type": "tool"})", R"({"type": "tool", "name": "bash"})", R"({"type": "x"})",
        R"({"type": "auto", "name": {}})", R"({"type": "auto", "disable_parallel_tool_use": 1})"}) {
    const std::string key = WrongKey(std::string(kTools) + R"(, "tool_choice": )" + wrong);
    EXPECT_TRUE(key.starts_with("tool_choice")) << wrong;
  }
}

TEST(AnthropicRequest, Thinking) {
  const auto read = [](const std::string& value) { return Read(R"("thinking": )" + value).generate; };
  EXPECT_EQ(read(R"({"type": "disabled"})").chat().options.enable_thinking, false);
  EXPECT_EQ(read(R"({"type": "adaptive", "display": "summarized"})").chat().options.enable_thinking, true);
  const GenerateRequest budget = read(R"({"type": "enabled", "budget_tokens": 2000})");
  EXPECT_EQ(budget.chat().options.enable_thinking, true);
  EXPECT_EQ(budget.think_budget, 2000);
  EXPECT_EQ(Read("").generate.chat().options.enable_thinking, std::nullopt);
  for (const char* wrong : {R"({"type": "perhaps"})", "true", R"({"type": "enabled", "budget_tokens": -1})"})
    EXPECT_TRUE(WrongKey(R"("thinking": )" + std::string(wrong)).starts_with("thinking")) << wrong;
}

TEST(AnthropicRequest, FormOfTheAnswer) {
  const std::string format = R"({"type": "json_schema", "schema": {"type": "object"}})";
  for (const std::string& keys :
       {R"("output_config": {"effort": "low", "format": )" + format + "}", R"("output_format": )" + format}) {
    const Ask ask = Read(keys);
    ASSERT_TRUE(ask.grammar.has_value());
    EXPECT_EQ(ask.grammar->kind, GrammarRequest::Kind::kJsonSchema);
  }
  EXPECT_FALSE(Read(R"("output_config": {"effort": "low"})").grammar.has_value());
  EXPECT_EQ(WrongKey(R"("output_config": {"format": {"type": "xml"}})"), "output_config.format");
  const Ask either = Read(std::string(kTools) + R"(, "output_config": {"format": )" + format + "}");
  EXPECT_EQ(either.grammar->kind, GrammarRequest::Kind::kToolCalls);
  EXPECT_EQ(either.grammar->schema.Dump(), R"({"type":"object"})");
}

// All parameters of Anthropic's own tests at once.
TEST(AnthropicRequest, CountsLookAtNoFormOfTheAnswer) {
  const auto body = ParseBody(R"({"messages": [{"content": "Hello, world", "role": "user"}], "model": "claude-opus-5-5",
    "cache_control": {"type": "ephemeral", "ttl": "5m"},
    "output_config": {"effort": "low", "format": {"schema": {"foo": "bar"}, "type": "json_schema"}}, "speed": "standard",
    "system": [{"text": "Today's date is 2024-06-01.", "type": "text", "cache_control": {"type": "ephemeral", "ttl": "5m"},
      "citations": [{"cited_text": "The grass is green.", "document_index": 0, "type": "char_location"}]}],
    "thinking": {"type": "adaptive", "display": "summarized"},
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
    "tools": [{"input_schema": {"type": "object", "properties": {"location": "bar"}, "required": ["location"]},
      "name": "name", "allowed_callers": ["direct"], "cache_control": {"type": "ephemeral"}, "defer_loading": true,
      "description": "Get the weather", "eager_input_streaming": true, "input_examples": [{"foo": "bar"}], "strict": true,
      "type": "custom"}],
    "user_profile_id": "anthropic-user-profile-id", "workspace_id": "wrkspc"})");
  ASSERT_TRUE(body.ok());
  const auto count = ParseAnthropicCount(body.value());
  ASSERT_TRUE(count.ok()) << count.error().message;
  EXPECT_EQ(count.value().generate.chat().tools.size(), 1U);
  EXPECT_FALSE(count.value().grammar.has_value());
  EXPECT_EQ(count.value().ignored, "");
  // An answer that has to be of a form is made sure of later; its form says nothing here that could be wrong.
  EXPECT_TRUE(ParseAnthropicMessages(body.value()).ok());
}

TEST(AnthropicRequest, FaultsNameTheKey) {
  EXPECT_EQ(WrongKey(R"("max_tokens": -1)"), "max_tokens");
  EXPECT_EQ(WrongKey(R"("max_tokens": "x")"), "max_tokens");
  EXPECT_EQ(WrongKey(R"("stop_sequences": [1])"), "stop_sequences");
  EXPECT_EQ(WrongKey(R"("temperature": -0.1)"), "temperature");
  for (const char* body : {"{}", R"({"messages": []})", R"({"messages": "x"})"}) {
    const auto ask = Parse(body);
    ASSERT_FALSE(ask.ok());
    EXPECT_EQ(ask.error().param, "messages");
  }
}

}  // namespace
}  // namespace thimble::service
