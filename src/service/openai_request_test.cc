// SPDX-License-Identifier: Apache-2.0
// Requests of OpenAI's API, key by key.
#include "service/openai_request.h"

#include "service/request_body.h"
#include "service/request_draft.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble::service {
namespace {

using Kind = GrammarRequest::Kind;

OrFault<Ask> Parse(const std::string& text, OrFault<Ask> (*parse)(const Json&) = ParseOpenAiChat) {
  const auto body = ParseBody(text);
  EXPECT_TRUE(body.ok()) << text;
  if (!body.ok()) return body.error();
  return parse(body.value());
}

// A chat with one message and these keys.
std::string Chat(const std::string& keys, const std::string& message = R"({"role": "user", "content": "x"})") {
  return R"({"messages": [)" + message + "]" + (keys.empty() ? "" : ", " + keys) + "}";
}

Ask Read(const std::string& keys) {
  auto ask = Parse(Chat(keys));
  EXPECT_TRUE(ask.ok()) << keys << ": " << (ask.ok() ? "" : ask.error().message);
  return ask.ok() ? std::move(ask).value() : Ask{};
}

Fault Refusal(const std::string& text, OrFault<Ask> (*parse)(const Json&) = ParseOpenAiChat) {
  const auto ask = Parse(text, parse);
  EXPECT_FALSE(ask.ok()) << text;
  if (ask.ok()) return {};
  EXPECT_EQ(ask.error().status, 400) << text;
  EXPECT_FALSE(ask.error().message.empty()) << text;
  return ask.error();
}

constexpr const char* kTools =
    R"("tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
                 {"type": "function", "function": {"name": "g", "description": "d"}}])";

TEST(OpenAiRequest, ReadsSettings) {
  const Ask ask = Read(R"("model": "m", "temperature": 0.5, "top_p": 0.9, "min_p": 0.1, "top_k": 20,
      "repeat_penalty": 1.1, "presence_penalty": -2, "frequency_penalty": 2, "seed": 18446744073709551615,
      "stop": ["a", "", "b"], "max_tokens": 5, "logit_bias": {"7": -100, "foo": 0}, "ignore_eos": true)");
  const GenerateRequest& generate = ask.generate;
  EXPECT_EQ(ask.model, "m");
  EXPECT_EQ(generate.sampling.temperature, 0.5);
  EXPECT_EQ(generate.sampling.top_p, 0.9);
  EXPECT_EQ(generate.sampling.min_p, 0.1);
  EXPECT_EQ(generate.sampling.top_k, 20);
  EXPECT_EQ(generate.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(generate.sampling.presence_penalty, -2.0);
  EXPECT_EQ(generate.sampling.frequency_penalty, 2.0);
  EXPECT_EQ(generate.seed, 18446744073709551615U);
  EXPECT_EQ(generate.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(generate.max_tokens, 5);
  ASSERT_EQ(generate.logit_bias.size(), 1U);
  EXPECT_EQ(generate.logit_bias[0].first, 7);
  EXPECT_TRUE(generate.ignore_eos);
  EXPECT_FALSE(ask.grammar.has_value());
  EXPECT_FALSE(ask.is_stream || ask.wants_usage || ask.wants_timings || ask.wants_progress || ask.drops_oldest);
  EXPECT_EQ(generate.chat().messages.size(), 1U);
  EXPECT_EQ(ask.ignored, "");
}

TEST(OpenAiRequest, ReadsHowToAnswer) {
  const Ask ask = Read(R"("stream": true, "stream_options": {"include_usage": true, "include_obfuscation": true},
      "timings_per_token": true, "return_progress": true, "when_full": "window", "logprobs": true, "top_logprobs": 3)");
  EXPECT_TRUE(ask.is_stream && ask.wants_usage && ask.wants_timings && ask.wants_progress && ask.drops_oldest);
  EXPECT_EQ(ask.top_logprobs, 3);
  EXPECT_TRUE(Read(R"("timings": true)").wants_timings);
  EXPECT_EQ(Read(R"("logprobs": true)").top_logprobs, 0);
  EXPECT_EQ(Read(R"("logprobs": false, "top_logprobs": 0)").top_logprobs, std::nullopt);
}

TEST(OpenAiRequest, LengthsSeedsAndThinking) {
  EXPECT_EQ(Read(R"("max_tokens": 5, "max_completion_tokens": 7)").generate.max_tokens, 7);
  EXPECT_EQ(Read(R"("max_completion_tokens": 7, "max_tokens": 5)").generate.max_tokens, 7);
  EXPECT_EQ(Read(R"("n_predict": -1)").generate.max_tokens, 0);
  EXPECT_FALSE(Read(R"("n_predict": -1)").writes_nothing);
  const Ask none = Read(R"("max_tokens": 0)");
  EXPECT_TRUE(none.writes_nothing);
  EXPECT_EQ(none.generate.max_tokens, 1);
  EXPECT_EQ(Read(R"("seed": -9007199254740991)").generate.seed, static_cast<std::uint64_t>(-9007199254740991));
  EXPECT_EQ(Read(R"("seed": -1)").generate.seed, std::nullopt);
  const auto thinks = [](const std::string& keys) { return Read(keys).generate.chat().options.enable_thinking; };
  EXPECT_EQ(thinks(""), std::nullopt);
  EXPECT_EQ(thinks(R"("reasoning_effort": "none")"), false);
  EXPECT_EQ(thinks(R"("reasoning_effort": "high")"), true);
  EXPECT_EQ(thinks(R"("reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": false})"), false);
}

TEST(OpenAiRequest, EveryParameterOfOpenAisOwnTests) {
  const auto ask = Parse(R"({"messages": [{"content": "string", "role": "developer", "name": "name"}],
    "model": "gpt-6-astra", "audio": {"format": "wav", "voice": "alloy"}, "frequency_penalty": -2,
    "function_call": "none", "functions": [{"name": "name", "description": "description", "parameters": {"foo": "bar"}}],
    "logit_bias": {"foo": 0}, "logprobs": true, "max_completion_tokens": 0, "max_tokens": 0,
    "metadata": {"foo": "string"}, "modalities": ["text"],
    "moderation": {"model": "model", "policy": {"input": {"mode": "score"}, "output": {"mode": "score"}}},
    "n": 1, "parallel_tool_calls": true, "prediction": {"content": "string", "type": "content"},
    "presence_penalty": -2, "prompt_cache_key": "prompt-cache-key-1234",
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"}, "prompt_cache_retention": "in_memory",
    "reasoning_effort": "none", "response_format": {"type": "text"}, "safety_identifier": "safety-identifier-1234",
    "seed": -9007199254740991, "service_tier": "auto", "stop": "\n", "store": true, "stream": false,
    "stream_options": {"include_obfuscation": true, "include_usage": true}, "temperature": 1, "tool_choice": "none",
    "tools": [{"function": {"name": "name", "description": "description", "parameters": {"foo": "bar"}, "strict": true},
               "type": "function"}],
    "top_logprobs": 0, "top_p": 1, "user": "user-1234", "verbosity": "low",
    "web_search_options": {"search_context_size": "low",
      "user_location": {"approximate": {"city": "city"}, "type": "approximate"}}})");
  ASSERT_TRUE(ask.ok()) << ask.error().message;
  EXPECT_EQ(ask.value().generate.chat().messages.at(0).role, "system");
  EXPECT_TRUE(ask.value().generate.chat().tools.empty());
  EXPECT_FALSE(ask.value().grammar.has_value());
}

TEST(OpenAiRequest, FaultsNameTheKey) {
  struct Case {
    const char* keys;
    const char* param;
  };
  for (const Case& one : {
           Case{R"("n": 2)", "n"},
           Case{R"("n": -1)", "n"},
           Case{R"("n": "1")", "n"},
           Case{R"("stream": "yes")", "stream"},
           Case{R"("stream": 1)", "stream"},
           Case{R"("stream_options": 1)", "stream_options"},
           Case{R"("model": 5)", "model"},
           Case{R"("temperature": -1)", "temperature"},
           Case{R"("temperature": "hot")", "temperature"},
           Case{R"("top_p": 1.1)", "top_p"},
           Case{R"("top_k": -2)", "top_k"},
           Case{R"("top_k": 1.5)", "top_k"},
           Case{R"("presence_penalty": 2.1)", "presence_penalty"},
           Case{R"("frequency_penalty": null, "presence_penalty": [])", "presence_penalty"},
           Case{R"("max_tokens": -1)", "max_tokens"},
           Case{R"("max_tokens": "many")", "max_tokens"},
           Case{R"("max_completion_tokens": 2147483648)", "max_completion_tokens"},
           Case{R"("seed": 1.5)", "seed"},
           Case{R"("seed": "x")", "seed"},
           Case{R"("seed": 18446744073709551616)", "seed"},
           Case{R"("stop": 5)", "stop"},
           Case{R"("stop": [5])", "stop"},
           Case{R"("logit_bias": {"1": 101})", "logit_bias"},
           Case{R"("logit_bias": {"x": 1})", "logit_bias"},
           Case{R"("logit_bias": {"-1": 1})", "logit_bias"},
           Case{R"("logit_bias": 1)", "logit_bias"},
           Case{R"("logprobs": 5)", "logprobs"},
           Case{R"("top_logprobs": 21, "logprobs": true)", "top_logprobs"},
           Case{R"("top_logprobs": 5)", "top_logprobs"},
           Case{R"("modalities": ["text", "audio"])", "modalities"},
           Case{R"("when_full": "never")", "when_full"},
           Case{R"("grammar": "root ::= x")", "grammar"},
           Case{R"("min_tokens": 5)", "min_tokens"},
           Case{R"("typical_p": 0.5)", "typical_p"},
           Case{R"("response_format": "json")", "response_format"},
           Case{R"("response_format": {"type": "xml"})", "response_format"},
           Case{R"("response_format": {"type": "json_schema", "json_schema": {"schema": 5}})", "response_format"},
           Case{R"("chat_template_kwargs": {"enable_thinking": "no"})", "chat_template_kwargs.enable_thinking"},
           Case{R"("reasoning_effort": 5)", "reasoning_effort"},
           Case{R"("system": "x")", "system"},
           Case{R"("tools": {})", "tools"},
           Case{R"("tools": [5])", "tools"},
           Case{R"("tools": [{"type": "function"}])", "tools"},
           Case{R"("tools": [{"type": "function", "function": {"name": ""}}])", "tools"},
           Case{R"("tools": [{"type": "function", "function": {"name": "a>b"}}])", "tools"},
           Case{R"("tools": [{"type": "function", "function": {"name": "f", "parameters": []}}])", "tools"},
           Case{R"("tools": [{"type": "function", "function": {"name": "f", "description": 5}}])", "tools"},
           Case{R"("tools": [{"name": "f", "input_schema": null}])", "tools"},
           Case{R"("tools": [{"type": "function", "function": {"name": "f", "strict": 1}}])", "tools.strict"},
           Case{R"("tool_choice": "required")", "tool_choice"},
           Case{R"("tool_choice": "perhaps")", "tool_choice"},
           Case{R"("tool_choice": 5)", "tool_choice"},
           Case{R"("parallel_tool_calls": 1)", "parallel_tool_calls"},
       })
    EXPECT_EQ(Refusal(Chat(one.keys)).param, one.param) << one.keys;
  for (const char* body : {"{}", R"({"messages": null})", R"({"messages": []})", R"({"messages": [{"role": "bot"}]})"})
    EXPECT_EQ(Refusal(body).param, "messages") << body;
}

TEST(OpenAiRequest, WhatSaysNothingIsNoFault) {
  Read(R"("n": null, "stream": null, "tools": null, "tool_choice": null, "response_format": null, "stop": null,
      "grammar": "", "min_tokens": 0, "typical_p": 1.0, "mirostat": 0, "best_of": 1, "logit_bias": {}, "tools": [])");
  EXPECT_EQ(Read(R"("temprature": 1)").ignored, "\"temprature\"");
  EXPECT_EQ(Read(R"("tools": [{"type": "web_search"}])").ignored, "\"web_search\" of tools");
}

TEST(OpenAiRequest, ToolChoices) {
  const auto choice = [](const std::string& keys) {
    const Ask ask = Read(std::string(kTools) + (keys.empty() ? "" : ", " + keys));
    if (!ask.grammar.has_value()) return std::string(ask.generate.chat().tools.empty() ? "dropped" : "free");
    EXPECT_EQ(ask.grammar->kind, Kind::kToolCalls);
    EXPECT_EQ(ask.generate.chat().tools.size(), 2U);  // the prompt tells of all
    std::string out = ask.grammar->must_call ? "must" : "may";
    if (ask.grammar->one_call) out += " once";
    for (const Json& tool : ask.grammar->tools) out += " " + tool.Find("function")->Find("name")->text();
    return out;
  };
  EXPECT_EQ(choice(""), "may f g");
  EXPECT_EQ(choice(R"("tool_choice": "auto", "parallel_tool_calls": false)"), "may once f g");
  EXPECT_EQ(choice(R"("tool_choice": "none")"), "dropped");
  EXPECT_EQ(choice(R"("tool_choice": "required")"), "must f g");
  EXPECT_EQ(choice(R"("tool_choice": "any")"), "must f g");
  for (const char* named : {R"({"type": "function", "function": {"name": "g"}})",
                            R"({"type": "function", "name": "g"})", R"({"name": "g"})"})
    EXPECT_EQ(choice(R"("tool_choice": )" + std::string(named)), "must once g");
  EXPECT_EQ(choice(R"("function_call": {"name": "f"})"), "must once f");
  EXPECT_EQ(choice(R"("tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools":
      [{"type": "function", "function": {"name": "g"}}]}})"),
            "may g");
  EXPECT_EQ(choice(R"("tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"name": "f"}]})"),
            "must f");
  for (const char* wrong :
       {R"({"type": "function", "function": {"name": "h"}})", R"({"type": "function"})", R"({})",
        R"({"type": "custom", "custom": {"name": "f"}})", R"({"type": {}, "function": {"name": "f"}})",
        R"({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})"})
    EXPECT_EQ(Refusal(Chat(std::string(kTools) + R"(, "tool_choice": )" + wrong)).param, "tool_choice") << wrong;
  EXPECT_FALSE(Read(kTools).grammar->is_strict);
  EXPECT_TRUE(Read(R"("tools": [{"type": "function", "function": {"name": "f", "strict": true}}])").grammar->is_strict);
  EXPECT_EQ(Read(R"("functions": [{"name": "f"}])").grammar->tools.size(), 1U);
}

// Whatever form they come in, the model reads and a mask gets OpenAI's.
TEST(OpenAiRequest, ToolsBecomeOneForm) {
  const auto form = [](const std::string& tool) {
    const Ask ask = Read(R"("tools": [)" + tool + "]");
    EXPECT_EQ(ask.grammar->tools.at(0).Dump(), ask.generate.chat().tools.at(0).Dump());
    return ask.grammar->tools.at(0).Dump();
  };
  const std::string whole = R"({"type":"function","function":{"name":"f","description":"d","parameters":{"a":1}}})";
  EXPECT_EQ(form(whole), whole);
  EXPECT_EQ(form(R"({"type": "function", "name": "f", "description": "d", "parameters": {"a": 1}})"), whole);
  EXPECT_EQ(form(R"({"name": "f", "description": "d", "parameters": {"a": 1}})"), whole);
  EXPECT_EQ(form(R"({"name": "f", "description": "d", "input_schema": {"a": 1}})"), whole);
  EXPECT_EQ(form(R"({"name": "f", "description": "d", "inputSchema": {"a": 1}})"), whole);
  EXPECT_EQ(form(R"({"name": "f"})"), R"({"type":"function","function":{"name":"f"}})");
}

TEST(OpenAiRequest, FormsOfTheAnswer) {
  const Ask schema = Read(R"("response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true,
      "schema": {"type": "object"}}})");
  ASSERT_TRUE(schema.grammar.has_value());
  EXPECT_EQ(schema.grammar->kind, Kind::kJsonSchema);
  EXPECT_EQ(schema.grammar->schema.Dump(), R"({"type":"object"})");
  EXPECT_TRUE(schema.grammar->is_strict);
  EXPECT_EQ(Read(R"("response_format": {"type": "json_object"})").grammar->kind, Kind::kJsonObject);
  EXPECT_EQ(Read(R"("response_format": {"type": "json_object", "schema": {"type": "array"}})").grammar->kind,
            Kind::kJsonSchema);
  EXPECT_EQ(Read(R"("json_schema": {"type": "array"})").grammar->kind, Kind::kJsonSchema);
  EXPECT_FALSE(Read(R"("response_format": {"type": "text"})").grammar.has_value());
  // With tools: a call that must come has no other form, and without calls the schema rules.
  const std::string json = std::string(kTools) + R"(, "response_format": {"type": "json_object"})";
  const Ask either = Read(json);
  EXPECT_EQ(either.grammar->kind, Kind::kToolCalls);
  EXPECT_EQ(either.grammar->schema.Dump(), R"({"type":"object"})");
  EXPECT_EQ(Read(json + R"(, "tool_choice": "required")").grammar->kind, Kind::kToolCalls);
  EXPECT_EQ(Read(json + R"(, "tool_choice": "none")").grammar->kind, Kind::kJsonObject);
}

TEST(OpenAiRequest, PicturesComeAsDataOnly) {
  const auto source = [](const std::string& item) {
    const auto ask = Parse(Chat("", R"({"role": "user", "content": [)" + item + "]}"));
    if (!ask.ok()) {
      EXPECT_EQ(ask.error().param, "messages");
      return std::string("refused");
    }
    const Part& part = ask.value().generate.chat().messages.at(0).content.at(0);
    EXPECT_EQ(part.kind, Part::Kind::kImage);
    return part.source + (part.detail.empty() ? "" : " " + part.detail);
  };
  EXPECT_EQ(source(R"({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}})"),
            "data:image/png;base64,AAAA low");
  EXPECT_EQ(source(R"({"type": "image_url", "image_url": "data:image/png;base64,AAAA"})"),
            "data:image/png;base64,AAAA");
  EXPECT_EQ(source(R"({"type": "image_url", "image_url": {"url": "AAAABBBB=="}})"), "AAAABBBB==");
  EXPECT_EQ(source(R"({"type": "image_url", "image_url": {"url": "thimble:p-1"}})"), "thimble:p-1");
  EXPECT_EQ(source(R"({"type": "image_url", "image_url": {"url": "AAAA", "detail": "original"}})"), "AAAA high");
  for (const char* url : {"http://127.0.0.1/x.png", "https://example.com/x.png", "file:///etc/passwd", "/etc/pass.wd",
                          "..\\\\x.png", "thimble:", "thimble:../x", ""})
    EXPECT_EQ(source(R"({"type": "image_url", "image_url": {"url": ")" + std::string(url) + "\"}}"), "refused") << url;
  EXPECT_EQ(source(R"({"type": "image_url", "image_url": {"url": "AAAA", "detail": "huge"}})"), "refused");
  EXPECT_EQ(source(R"({"type": "image_url"})"), "refused");
  EXPECT_EQ(source(R"({"type": "video_url", "video_url": {"url": "AAAA"}})"), "refused");
  EXPECT_EQ(source(R"({"type": "input_audio", "input_audio": {"data": "AAAA"}})"), "refused");
  std::string many;
  for (std::size_t i = 0; i <= kMostPictures; ++i)
    many += std::string(i == 0 ? "" : ",") + R"({"type": "image_url", "image_url": "AAAA"})";
  EXPECT_EQ(source(many), "refused");
}

TEST(OpenAiRequest, ReasoningOfEarlierAnswersIsRead) {
  for (const char* key : {"reasoning_content", "reasoning"}) {
    const auto ask = Parse(Chat("", R"({"role": "user", "content": "x"}, {"role": "assistant", ")" + std::string(key) +
                                        R"(": "why", "content": "y"}, {"role": "user", "content": "z"})"));
    ASSERT_TRUE(ask.ok());
    EXPECT_EQ(ask.value().generate.chat().messages.at(1).reasoning_content, "why");
  }
}

TEST(CompletionRequest, PromptsAsTextAndAsIds) {
  const auto parse = [](const std::string& text) { return Parse(text, ParseCompletion); };
  for (const char* prompt : {R"("x")", R"(["x"])"}) {
    const auto ask = parse(R"({"prompt": )" + std::string(prompt) + "}");
    ASSERT_TRUE(ask.ok());
    EXPECT_TRUE(ask.value().is_raw);
    EXPECT_EQ(ask.value().raw_prompt, "x");
    EXPECT_EQ(ask.value().generate.max_tokens, 16);
    EXPECT_TRUE(ask.value().generate.is_plain);
  }
  for (const char* prompt : {"[1, 2]", "[[1, 2]]"}) {
    const auto ask = parse(R"({"max_tokens": 3, "logprobs": 2, "prompt": )" + std::string(prompt) + "}");
    ASSERT_TRUE(ask.ok());
    EXPECT_FALSE(ask.value().is_raw);
    EXPECT_EQ(ask.value().generate.ids(), (std::vector<std::int32_t>{1, 2}));
    EXPECT_EQ(ask.value().top_logprobs, 2);
    EXPECT_EQ(ask.value().generate.max_tokens, 3);
  }
  const auto echo = parse(R"({"prompt": "x", "echo": true, "best_of": 0, "n": 1, "suffix": ""})");
  ASSERT_TRUE(echo.ok());
  EXPECT_TRUE(echo.value().echoes);
  EXPECT_FALSE(echo.value().suffix.has_value());
  const auto gap = parse(R"({"prompt": "", "suffix": "y"})");
  ASSERT_TRUE(gap.ok());
  EXPECT_EQ(gap.value().suffix, "y");
}

TEST(CompletionRequest, FaultsNameTheKey) {
  for (const char* prompt : {"null", "5", "[]", "\"\"", "[\"a\", \"b\"]", "[[1], [2]]", "[1, \"a\"]", "[-1]", "[1.5]",
                             "[4294967296]", "{}", "[[]]", "[null]"})
    EXPECT_EQ(Refusal(R"({"prompt": )" + std::string(prompt) + "}", ParseCompletion).param, "prompt") << prompt;
  EXPECT_EQ(Refusal("{}", ParseCompletion).param, "prompt");
  struct Case {
    const char* keys;
    const char* param;
  };
  for (const Case& one : {Case{R"("suffix": ["y"])", "suffix"}, Case{R"("suffix": {})", "suffix"},
                          Case{R"("n": 2)", "n"}, Case{R"("best_of": 2)", "best_of"},
                          Case{R"("logprobs": true)", "logprobs"}, Case{R"("logprobs": 21)", "logprobs"},
                          Case{R"("echo": 1)", "echo"}, Case{R"("echo": true, "logprobs": 0)", "logprobs"},
                          Case{R"("tools": [{}])", "tools"}, Case{R"("messages": [{}])", "messages"}})
    EXPECT_EQ(Refusal(R"({"prompt": "x", )" + std::string(one.keys) + "}", ParseCompletion).param, one.param)
        << one.keys;
  EXPECT_EQ(Refusal(R"({"prompt": [1], "suffix": "y"})", ParseCompletion).param, "suffix");
}

}  // namespace
}  // namespace thimble::service
