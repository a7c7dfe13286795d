// SPDX-License-Identifier: Apache-2.0
// Conversations and whole requests in the forms that clients send, and system messages made one.
#include "text/chat.h"

#include "text/chat_template.h"
#include "text/client_request.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble {
namespace {

ClientRequest Read(const std::string& text) {
  const auto json = Json::Parse(text, "test");
  EXPECT_TRUE(json.ok()) << text;
  auto request = ParseClientRequest(json.value());
  EXPECT_TRUE(request.ok()) << text << ": " << (request.ok() ? "" : request.error().message);
  return request.ok() ? std::move(request).value() : ClientRequest{};
}

std::string Refusal(const std::string& text) {
  const auto request = ParseClientRequest(Json::Parse(text, "test").value());
  EXPECT_FALSE(request.ok()) << text;
  if (request.ok()) return "";
  EXPECT_EQ(request.error().code, Code::kInvalid);
  return request.error().message;
}

// The one message of a list whose content items these are.
Message WithItems(const std::string& items, const std::string& role = "user") {
  return Read(R"([{"role": ")" + role + R"(", "content": )" + items + "}]").chat.messages.at(0);
}

std::string Rendered(Chat chat) {
  MergeSystemMessages(&chat);
  const auto rendered = RenderChat(TemplateVariant::kSmall, chat);
  return rendered.ok() ? rendered.value().Text() : "error: " + rendered.error().message;
}

TEST(ClientMessages, ReasoningUnderEveryName) {
  for (
      const char* keys : {
          R"("reasoning_content": "why", "content": "x")",
          R"("reasoning": "why", "content": "x")",
          R"("thinking": "why", "content": "x")",
          R"("reasoning": {"content": "why"}, "content": "x")",
          R"("reasoning_content": "", "reasoning": "why", "content": "x")",
          R"("reasoning_content": null, "thinking": "why", "content": "x")",
          R"("reasoning_details": [{"type": "reasoning.text", "text": "why", "signature": "abc"}], "content": "x")",
          R"("reasoning_details": [{"type": "reasoning.summary", "summary": "why"}], "content": "x")",
          R"("reasoning": "why", "reasoning_details": [{"type": "reasoning.text", "text": "why"}], "content": "x")",
          R"("thinking_blocks": [{"type": "thinking", "thinking": "why"}], "content": "x")",
          R"("content": [{"type": "thinking", "thinking": "why", "signature": "abc"}, {"type": "text", "text": "x"}])",
          R"("content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]}, {"type": "text", "text": "x"}])",
          R"("content": [{"type": "reasoning", "text": "why"}, {"type": "text", "text": "x"}])",
          R"("content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}]}, "x"])",
      }) {
    const ClientRequest read = Read(std::string(R"([{"role": "assistant", )") + keys + "}]");
    const Message& message = read.chat.messages.at(0);
    EXPECT_EQ(message.reasoning_content, "why") << keys;
    ASSERT_EQ(message.content.size(), 1U) << keys;
    EXPECT_EQ(message.content[0].text, "x") << keys;
    EXPECT_EQ(read.unused.Line(), "") << keys;
  }
  EXPECT_EQ(WithItems(R"([{"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"}])", "assistant")
                .reasoning_content,
            "a\n\nb");
  EXPECT_FALSE(WithItems(R"("x")", "assistant").reasoning_content.has_value());
}

TEST(ClientMessages, ReasoningThatCannotBeReadIsNamed) {
  EXPECT_EQ(
      Read(
          R"([{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "Em"}, {"type": "text", "text": "x"}]}])")
          .unused.Line(),
      "\"encrypted reasoning\" of messages");
  EXPECT_EQ(
      Read(
          R"([{"role": "assistant", "content": "x", "reasoning_details": [{"type": "reasoning.encrypted", "data": "Em"}]}])")
          .unused.Line(),
      "\"encrypted reasoning\" of messages");
  EXPECT_EQ(Read(R"([{"role": "user", "content": "x", "reasoning": "y"}])").unused.Line(),
            "\"reasoning\" of messages of the role user");
}

TEST(ClientMessages, PicturesInEveryForm) {
  const std::string bytes = "data:image;base64,QUJD";
  for (const auto& [item, wanted] : std::vector<std::pair<const char*, std::string>>{
           {R"({"type": "image", "image": "a.png"})", "a.png"},
           {R"({"type": "image", "path": "a.png"})", "a.png"},
           {R"({"type": "image", "url": "a.png"})", "a.png"},
           {R"({"type": "image", "base64": "QUJD"})", bytes},
           {R"({"type": "image_url", "image_url": {"url": "data:x"}})", "data:x"},
           {R"({"type": "image_url", "image_url": "a.png"})", "a.png"},
           {R"({"type": "input_image", "image_url": "a.png", "detail": "auto"})", "a.png"},
           {R"({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}})", bytes},
           {R"({"type": "image", "source": {"type": "url", "url": "a.png"}})", "a.png"},
           {R"({"type": "image", "data": "QUJD", "mimeType": "image/png"})", bytes},
           {R"({"type": "image", "data": "data:image/png;base64,QUJD"})", "data:image/png;base64,QUJD"},
           {R"({"inline_data": {"mime_type": "image/png", "data": "QUJD"}})", bytes},
           {R"({"inlineData": {"mimeType": "image/png", "data": "QUJD"}})", bytes},
           {R"({"image": {"format": "png", "source": {"bytes": "QUJD"}}})", bytes},
           {R"({"type": "image"})", ""},
           {R"({"type": "image", "image": null, "image_url": {"url": "a.png"}})", "a.png"},
       }) {
    const ClientRequest read = Read(std::string(R"([{"role": "user", "content": [)") + item + "]}]");
    ASSERT_EQ(read.chat.messages.at(0).content.size(), 1U) << item;
    EXPECT_EQ(read.chat.messages[0].content[0].kind, Part::Kind::kImage) << item;
    EXPECT_EQ(read.chat.messages[0].content[0].source, wanted) << item;
    EXPECT_EQ(read.unused.Line(), "") << item;
  }
  EXPECT_EQ(WithItems(R"([{"type": "image_url", "image_url": {"url": "a", "detail": "low"}}])").content[0].detail,
            "low");
  EXPECT_EQ(WithItems(R"([{"type": "input_image", "image_url": "a", "detail": "high"}])").content[0].detail, "high");
  // Tables that know only one kind of row leave the other columns null.
  EXPECT_EQ(
      WithItems(R"([{"type": "text", "text": "hi", "image": null, "image_url": null, "video": null}])").content[0].kind,
      Part::Kind::kText);
  // Ollama's pictures stand before the text.
  const Message ollama =
      Read(R"([{"role": "user", "content": "what?", "images": ["QUJD", "b.png"]}])").chat.messages.at(0);
  ASSERT_EQ(ollama.content.size(), 3U);
  EXPECT_EQ(ollama.content[0].source, "QUJD");
  EXPECT_EQ(ollama.content[1].source, "b.png");
  EXPECT_EQ(ollama.content[2].text, "what?");
  EXPECT_NE(Refusal(R"([{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}])").find("file_id"),
            std::string::npos);
  EXPECT_NE(Refusal(R"([{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}])")
                .find("file_id"),
            std::string::npos);
}

TEST(ClientMessages, TextItems) {
  for (const char* item :
       {R"({"type": "text", "text": "hi"})", R"({"type": "input_text", "text": "hi"})",
        R"({"type": "output_text", "text": "hi", "annotations": []})", R"({"text": "hi"})", R"("hi")",
        R"({"type": "text", "text": {"value": "hi", "annotations": []}})", R"({"type": "refusal", "refusal": "hi"})",
        R"({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}})",
        R"({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}})"}) {
    const Message message = WithItems(std::string("[") + item + "]");
    ASSERT_EQ(message.content.size(), 1U) << item;
    EXPECT_EQ(message.content[0].text, "hi") << item;
  }
  EXPECT_EQ(WithItems(R"({"type": "text", "text": "hi"})").content.at(0).text, "hi");  // MCP: one item, no list
  EXPECT_EQ(Read(R"([{"role": "assistant", "content": null, "refusal": "no"}])").chat.messages[0].content.at(0).text,
            "no");
  for (const char* item :
       {R"({"type": "input_audio", "input_audio": {"data": "QUJD"}})", R"({"type": "file", "file": {"file_id": "f"}})",
        R"({"type": "document", "source": {"type": "base64", "data": "QUJD"}})", "5", "{}"}) {
    EXPECT_TRUE(
        Refusal(std::string(R"([{"role": "user", "content": [)") + item + "]}]").starts_with("[chat] message 1"))
        << item;
  }
  EXPECT_NE(Refusal(R"([{"role": "user", "parts": [{"text": "hi"}]}])").find("needs \"content\""), std::string::npos);
  EXPECT_NE(Refusal(R"([{"role": "user", "content": "x", "images": [5]}])").find("found 5"), std::string::npos);
  EXPECT_NE(Refusal(R"({"input": "hi"})").find("input"), std::string::npos);
  EXPECT_NE(Refusal(R"([{"role": "user", "content": 5}])").find("found 5"), std::string::npos);
  EXPECT_NE(Refusal(R"([{"role": "ipython", "content": "x"}])").find("ipython"), std::string::npos);
}

TEST(ClientMessages, CallsAndResultsAsAnthropicWritesThem) {
  const Chat chat = Read(R"([
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": "look"}, {"type": "text", "text": "One moment."},
      {"type": "tool_use", "id": "1", "name": "get", "input": {"city": "Bonn"}},
      {"type": "tool_use", "id": "2", "name": "get", "input": {"city": "Rome"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "2", "content": "hot"},
      {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "cold"}]},
      {"type": "text", "text": "And now?"}]}])")
                        .chat;
  ASSERT_EQ(chat.messages.size(), 5U);
  EXPECT_EQ(chat.messages[1].reasoning_content, "look");
  ASSERT_EQ(chat.messages[1].tool_calls.size(), 2U);
  EXPECT_EQ(chat.messages[1].tool_calls[1].arguments.Dump(), R"({"city":"Rome"})");
  // The template tells results by their order, so that must be the calls'.
  EXPECT_EQ(chat.messages[2].role, "tool");
  EXPECT_EQ(chat.messages[2].content[0].text, "cold");
  EXPECT_EQ(chat.messages[3].content[0].text, "hot");
  EXPECT_EQ(chat.messages[4].role, "user");
  EXPECT_EQ(chat.messages[4].content[0].text, "And now?");
  EXPECT_EQ(
      Read(
          R"([{"role": "user", "content": [{"type": "text", "text": "first"}, {"type": "tool_result", "content": "r"}]}])")
          .chat.messages[1]
          .role,
      "tool");
  EXPECT_EQ(
      Read(R"([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}])").chat.messages.size(), 1U);
  EXPECT_EQ(Read(R"([{"role": "user", "content": [{"type": "tool_result", "content": "r", "is_error": true}]}])")
                .unused.Line(),
            "\"is_error\" of tool results");
  for (const char* wrong :
       {R"([{"role": "assistant", "content": [{"type": "tool_use", "name": "f"}, {"type": "text", "text": "x"}]}])",
        R"([{"role": "assistant", "content": [{"type": "tool_result", "content": "x"}]}])",
        R"([{"role": "user", "content": [{"type": "tool_use", "name": "f"}]}])",
        R"([{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "tool_use", "name": "f"}]}]}])",
        R"([{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "tool_result"}]}]}])"})
    EXPECT_TRUE(Refusal(wrong).starts_with("[chat] message 1")) << wrong;
}

TEST(ClientMessages, CallsAndResultsAsOpenAiWritesThem) {
  const auto talk = [](const char* first, const char* second) {
    return Read(std::string(R"([{"role": "assistant", "content": null, "tool_calls": [
      {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1}"}},
      {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
      {"role": "tool", "tool_call_id": ")") +
                first + R"(", "content": "1"},
      {"role": "tool", "tool_call_id": ")" +
                second + R"(", "content": "2"}])")
        .chat.messages;
  };
  EXPECT_EQ(talk("a", "b")[1].content[0].text, "1");
  EXPECT_EQ(talk("b", "a")[1].content[0].text, "2");
  EXPECT_EQ(talk("b", "c")[1].content[0].text, "1");  // what is not certain stays
  EXPECT_EQ(talk("b", "b")[1].content[0].text, "1");
  EXPECT_EQ(talk("", "a")[1].content[0].text, "1");
  EXPECT_EQ(talk("a", "b")[0].tool_calls[1].arguments.Dump(), "{}");
  const auto old = Read(R"([{"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
                            {"role": "function", "name": "f", "content": "1"}])");
  EXPECT_EQ(old.chat.messages[0].tool_calls.at(0).name, "f");
  EXPECT_EQ(old.chat.messages[1].role, "tool");
  EXPECT_EQ(old.unused.Line(), "");
}

TEST(ClientMessages, KeysThatMeanSomethingAreNamed) {
  EXPECT_EQ(Read(R"([{"role": "user", "content": "x", "id": "1", "name": null, "annotations": [], "refusal": null,
                      "cache_control": {"type": "ephemeral"}, "created_at": 5}])")
                .unused.Line(),
            "");
  EXPECT_EQ(Read(R"([{"role": "tool", "content": "x", "name": "f", "tool_call_id": "1"}])").unused.Line(), "");
  EXPECT_EQ(
      Read(
          R"([{"role": "assistant", "content": "x", "audio": {"id": "1"}}, {"role": "user", "content": "x", "name": "Ann"},
                     {"role": "user", "content": [{"type": "image", "image": "a", "max_pixels": 5}]}])")
          .unused.Line(),
      R"("audio" of messages, "name" of messages, "max_pixels" of content items)");
  EXPECT_TRUE(Read(R"([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "prefix": true}])")
                  .chat.options.continue_final_message);
  std::string many = "{\"messages\": []";
  for (int i = 0; i < 50; ++i) many += ", \"key" + std::to_string(i) + "\": 1";
  EXPECT_TRUE(Read(many + "}").unused.Line().ends_with("and 38 more"));
}

TEST(ClientRequest, SettingsOfOpenAi) {
  const ClientRequest read =
      Read(R"({"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.2, "top_p": 0.9,
      "max_tokens": 7, "max_completion_tokens": 5, "stop": ["a", "b"], "seed": 18446744073709551615, "presence_penalty": -1.5,
      "frequency_penalty": 0.5, "logit_bias": {"12": -100}, "stream": true, "stream_options": {"include_usage": true}, "user": "u",
      "metadata": {"a": "b"}, "store": true, "n": 1, "logprobs": false, "response_format": {"type": "text"}, "tool_choice": "auto",
      "parallel_tool_calls": true, "reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": false}})");
  EXPECT_EQ(read.unused.Line(), "");
  const RequestSettings& s = read.settings;
  EXPECT_EQ(s.temperature, 0.2);
  EXPECT_EQ(s.top_p, 0.9);
  EXPECT_EQ(s.max_tokens, 5);
  EXPECT_EQ(s.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(s.seed, 18446744073709551615u);
  EXPECT_EQ(s.presence_penalty, -1.5);
  EXPECT_EQ(s.logit_bias, (std::vector<std::pair<std::int32_t, double>>{{12, -100}}));
  EXPECT_EQ(read.chat.options.enable_thinking, false);  // said in so many words
  EXPECT_TRUE(read.chat.options.add_generation_prompt);
  EXPECT_EQ(
      Read(
          R"({"messages": [], "n": 2, "response_format": {"type": "json_object"}, "logprobs": true, "tool_choice": "required",
                     "parallel_tool_calls": false, "verbosity": "low"})")
          .unused.Line(),
      R"("n", "response_format", "logprobs", "tool_choice", "parallel_tool_calls", "verbosity")");
  EXPECT_EQ(Read(R"({"messages": [], "tools": [{"type": "function"}], "tool_choice": "none"})").chat.tools.size(), 0U);
  EXPECT_EQ(Read(R"({"messages": [], "functions": [{"name": "f"}]})").chat.tools.at(0).Dump(),
            R"({"type":"function","function":{"name":"f"}})");
}

TEST(ClientRequest, SettingsOfOthers) {
  const ClientRequest ollama =
      Read(R"({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": false, "keep_alive": "5m",
      "think": false, "options": {"temperature": 0, "num_predict": -1, "num_ctx": 4096, "top_k": 20, "repeat_penalty": 1.1, "seed": 42,
      "stop": "x", "num_thread": 4, "mirostat": 1}})");
  EXPECT_EQ(ollama.unused.Line(), R"("mirostat" of options)");
  EXPECT_EQ(ollama.settings.temperature, 0.0);
  EXPECT_EQ(ollama.settings.max_tokens, 0);
  EXPECT_EQ(ollama.settings.context, 4096);
  EXPECT_EQ(ollama.settings.top_k, 20);
  EXPECT_EQ(ollama.settings.repetition_penalty, 1.1);
  EXPECT_EQ(ollama.settings.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(ollama.chat.options.enable_thinking, false);
  const ClientRequest anthropic =
      Read(R"({"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": "Be brief."}],
      "messages": [{"role": "user", "content": "hi"}], "stop_sequences": ["q"], "thinking": {"type": "enabled", "budget_tokens": 2048}})");
  EXPECT_EQ(anthropic.unused.Line(), "");
  EXPECT_EQ(anthropic.chat.messages.at(0).role, "system");
  EXPECT_EQ(anthropic.chat.messages[0].content.at(0).text, "Be brief.");
  EXPECT_EQ(anthropic.settings.stop, std::vector<std::string>{"q"});
  EXPECT_EQ(anthropic.settings.think_budget, 2048);
  EXPECT_EQ(anthropic.chat.options.enable_thinking, true);
  for (const auto& [keys, wanted] : std::vector<std::pair<const char*, std::optional<bool>>>{
           {R"("reasoning_effort": "none")", false},
           {R"("reasoning_effort": "medium")", true},
           {R"("reasoning_effort": null)", {}},
           {R"("reasoning": {"effort": "low"})", true},
           {R"("reasoning": {"enabled": false})", false},
           {R"("thinking": {"type": "disabled"})", false},
           {R"("enable_thinking": true)", true},
           {R"("think": "low")", true},
           {R"("thinking_budget": 0)", false},
           {R"("options": {"enable_thinking": true}, "reasoning_effort": "none")", true}}) {
    EXPECT_EQ(Read(std::string(R"({"messages": [], )") + keys + "}").chat.options.enable_thinking, wanted) << keys;
  }
  EXPECT_EQ(Read(R"({"messages": [], "top_k": -1})").settings.top_k, 0);
  EXPECT_FALSE(Read(R"({"messages": [], "seed": -1})").settings.seed.has_value());
}

TEST(ClientRequest, SettingsThatAreWrongAreNamedAndShort) {
  for (const char* keys :
       {R"("temperature": "hot")", R"("temperature": -1)", R"("top_p": 2)", R"("max_tokens": 0)",
        R"("max_tokens": 1.5)", R"("stop": 5)", R"("stop": ["a", 5])", R"("seed": 1.5)", R"("seed": -5)",
        R"("logit_bias": {"x": 1})", R"("logit_bias": {"1": "x"})", R"("logit_bias": [[1]])", R"("top_k": -2)",
        R"("options": {"num_ctx": 0})", R"("options": {"num_ctx": 99999999999})", R"("thinking_budget": "x")"}) {
    EXPECT_TRUE(Refusal(std::string(R"({"messages": [], )") + keys + "}").starts_with("[request] \"")) << keys;
  }
  const std::string megabyte(1 << 20, 'A');
  for (const std::string& text :
       {R"({"messages": [], "temperature": ")" + megabyte + "\"}", R"([{"role": ")" + megabyte + "\"}]",
        R"([{"role": "user", "content": [{"type": ")" + megabyte + "\"}]}]",
        R"([{"role": "assistant", "tool_calls": [{"name": ")" + megabyte + R"(", "arguments": "[1"}]}])"}) {
    EXPECT_LT(Refusal(text).size(), 600U);
  }
  EXPECT_LT(Read(R"({"messages": [], ")" + megabyte + R"(": 1})").unused.Line().size(), 200U);
}

TEST(Chat, TheReferencesReadingStaysAsItWas) {
  const auto keep = [](const char* text) {
    return ParseChat(Json::Parse(text, "test").value(), ArgumentStrings::kKeep);
  };
  const auto chat = keep(R"([{"role": "assistant", "content": "x", "reasoning": "why"}])");
  ASSERT_TRUE(chat.ok());
  EXPECT_FALSE(chat.value().messages[0].reasoning_content.has_value());
  EXPECT_EQ(keep(R"([{"role": "user", "content": [{"type": "tool_result"}]}])").value().messages[0].content[0].kind,
            Part::Kind::kUnknown);
  EXPECT_EQ(keep(R"([{"role": "developer", "content": "x"}])").value().messages[0].role, "developer");
}

TEST(Chat, SystemMessagesBecomeOne) {
  const std::string tail = "<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";
  for (
      const auto& [text, wanted] : std::vector<std::pair<const char*, std::string>>{
          {R"([{"role": "system", "content": "A"}, {"role": "system", "content": "B"}, {"role": "user", "content": "hi"}])",
           "A\n\nB"},
          {R"([{"role": "developer", "content": "A"}, {"role": "user", "content": "hi"}])", "A"},
          {R"([{"role": "user", "content": "hi"}, {"role": "system", "content": "A"}])", "A"},
          {R"([{"role": "system", "content": "A\n"}, {"role": "user", "content": "hi"}, {"role": "developer", "content": "\nB"}])",
           "A\n\nB"},
          {R"([{"role": "system", "content": ""}, {"role": "system", "content": "B"}, {"role": "user", "content": "hi"}])",
           "B"},
          {R"([{"role": "system", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "1"}]},
                {"role": "developer", "content": [{"type": "text", "text": "B"}]}, {"role": "user", "content": "hi"}])",
           "A1\n\nB"},
          {R"([{"role": "system", "content": null}, {"role": "developer", "content": ""}, {"role": "user", "content": "hi"}])",
           ""},
      }) {
    EXPECT_EQ(Rendered(Read(text).chat), "<|im_start|>system\n" + wanted + tail) << text;
  }
  // Pictures there are refused in the template's words, as in a single one.
  EXPECT_EQ(
      Rendered(
          Read(R"([{"role": "system", "content": "A"}, {"role": "system", "content": ["x", {"type": "image"}, "y"]},
                              {"role": "user", "content": "hi"}])")
              .chat),
      "error: System message cannot contain images.");
  Chat one = Read(R"([{"role": "system", "content": " A "}, {"role": "user", "content": "hi"}])").chat;
  MergeSystemMessages(&one);
  EXPECT_EQ(one.messages[0].content[0].text, " A ");
}

TEST(Chat, WhatWasReadIsWrittenAndReadAgain) {
  const Chat chat = Read(R"([{"role": "developer", "content": "A"},
      {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}}, {"type": "text", "text": "hi"}]},
      {"role": "assistant", "thinking": "why", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": [1]}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "r"}]}])")
                        .chat;
  const Json written = MessagesToJson(chat.messages);
  const auto again = ParseChat(written, ArgumentStrings::kParse);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(MessagesToJson(again.value().messages).Dump(), written.Dump());
  EXPECT_EQ(again.value().messages[1].content[0].detail, "low");
}

}  // namespace
}  // namespace thimble
