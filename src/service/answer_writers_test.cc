// SPDX-License-Identifier: Apache-2.0
// Answers in the three forms, event by event.
#include "service/answer_writer.h"

#include "base/text.h"
#include "service_tools.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

using Make = std::unique_ptr<AnswerWriter> (*)(const Ask&, AnswerFacts, std::shared_ptr<AnswerSink>);
using Kind = ReplyEvent::Kind;

ReplyEvent Event(Kind kind, std::string text) { return {kind, std::move(text), {}}; }
ReplyEvent CallEnd(std::string name, const std::string& arguments) {
  return {Kind::kToolCallEnd, "", {std::move(name), Json::Parse(arguments, "test").value()}};
}

// A reply that thinks, says something and calls twice, and the events that it came as.
struct Scene {
  std::vector<ReplyEvent> events;
  Reply reply;
};

Scene ThinkSayCall() {
  Scene scene;
  scene.events = {Event(Kind::kThinking, "Why"),
                  Event(Kind::kThinking, ""),
                  Event(Kind::kThinking, " not?"),
                  Event(Kind::kContent, "I \"look\""),
                  Event(Kind::kContent, "."),
                  Event(Kind::kToolCallBegin, "f"),
                  Event(Kind::kToolCallPiece, "<parameter=a>\n1"),
                  CallEnd("f", R"({"a": 1, "b": "\u00e4\n"})"),
                  CallEnd("g", "{}")};
  Reply& reply = scene.reply;
  reply.thinking = "Why not?";
  reply.text = "I \"look\".";
  reply.tool_calls = {scene.events[7].call, scene.events[8].call};
  reply.stats.prompt_tokens = 100;
  reply.stats.reused_tokens = 60;
  reply.stats.tokens = 20;
  reply.stats.thinking_tokens = 5;
  reply.stats.prompt_seconds = 0.4;
  reply.stats.seconds = 2;
  return scene;
}

Scene Say(const std::string& text) {
  Scene scene;
  if (!text.empty()) scene.events = {Event(Kind::kContent, text)};
  scene.reply.text = text;
  scene.reply.stats.prompt_tokens = 3;
  scene.reply.stats.tokens = 2;
  return scene;
}

std::shared_ptr<KeepingSink> Play(Make make, const Ask& ask, const Scene& scene) {
  auto sink = std::make_shared<KeepingSink>();
  const auto writer = make(ask, {"ID", "model-x", 1'700'000'000}, sink);
  writer->Start(scene.reply.stats.prompt_tokens, scene.reply.stats.reused_tokens);
  for (const ReplyEvent& event : scene.events) writer->Write(event);
  writer->End(scene.reply);
  EXPECT_TRUE(sink->is_over);
  EXPECT_EQ(sink->status, 200);
  return sink;
}

Ask Streaming() {
  Ask ask;
  ask.is_stream = true;
  return ask;
}

// Each data of a stream of OpenAI's, the common head checked and cut off.
std::vector<std::string> Chunks(const KeepingSink& sink, const std::string& head) {
  std::vector<std::string> chunks;
  for (const std::string& data : sink.Data()) {
    if (data == "[DONE]") {
      chunks.push_back(data);
      continue;
    }
    EXPECT_TRUE(Json::Parse(data, "chunk").ok()) << data;
    EXPECT_TRUE(data.starts_with(head)) << data;
    chunks.push_back(data.substr(std::min(head.size(), data.size())));
  }
  return chunks;
}

constexpr const char* kChatHead =
    R"({"id":"chatcmpl-ID","object":"chat.completion.chunk","created":1700000000,"model":"model-x","choices":[)";
constexpr const char* kTextHead =
    R"({"id":"cmpl-ID","object":"text_completion","created":1700000000,"model":"model-x","choices":[)";

std::string ChatChunk(const std::string& delta, const std::string& finish = "null") {
  return R"({"index":0,"delta":{)" + delta + R"(},"logprobs":null,"finish_reason":)" + finish + "}]}";
}

TEST(OpenAiChatWriter, AStreamSaysEverythingOnce) {
  Ask ask = Streaming();
  ask.wants_usage = true;
  const auto sink = Play(NewOpenAiChatWriter, ask, ThinkSayCall());
  EXPECT_EQ(sink->HeaderValue("content-type"), "text/event-stream");
  const std::vector<std::string> chunks = Chunks(*sink, kChatHead);
  const std::vector<std::string> wanted = {
      ChatChunk(R"("role":"assistant","content":null)"),
      ChatChunk(R"("reasoning_content":"Why")"),
      ChatChunk(R"("reasoning_content":" not?")"),
      ChatChunk(R"("content":"I \"look\"")"),
      ChatChunk(R"("content":".")"),
      ChatChunk(
          R"("tool_calls":[{"index":0,"id":"call_ID_0","type":"function","function":{"name":"f","arguments":""}}])"),
      ChatChunk(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1,\"b\":\"ä\\n\"}"}}])"),
      ChatChunk(
          R"("tool_calls":[{"index":1,"id":"call_ID_1","type":"function","function":{"name":"g","arguments":""}}])"),
      ChatChunk(R"("tool_calls":[{"index":1,"function":{"arguments":"{}"}}])"),
      ChatChunk("", "\"tool_calls\""),
  };
  ASSERT_EQ(chunks.size(), wanted.size() + 2);
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(chunks[i], wanted[i]) << i;
  const Json last = Json::Parse(sink->Data().at(wanted.size()), "usage").value();
  EXPECT_TRUE(last.Find("choices")->items().empty());
  EXPECT_EQ(
      last.Find("usage")->Dump(),
      R"({"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":60},)"
      R"("completion_tokens_details":{"reasoning_tokens":5}})");
  EXPECT_EQ(
      last.Find("timings")->Dump(),
      R"({"cache_n":60,"prompt_n":40,"prompt_ms":400.000,"prompt_per_token_ms":10.000,"prompt_per_second":100.000,)"
      R"("predicted_n":20,"predicted_ms":2000.000,"predicted_per_token_ms":100.000,"predicted_per_second":10.000})");
  EXPECT_EQ(chunks.back(), "[DONE]");
}

TEST(OpenAiChatWriter, WithoutTheWishThereIsNoChunkWithoutAChoice) {
  const auto sink = Play(NewOpenAiChatWriter, Streaming(), Say("x"));
  const std::vector<std::string> chunks = Chunks(*sink, kChatHead);
  EXPECT_EQ(chunks, (std::vector<std::string>{ChatChunk(R"("role":"assistant","content":null)"),
                                              ChatChunk(R"("content":"x")"), ChatChunk("", "\"stop\""), "[DONE]"}));
}

TEST(OpenAiChatWriter, OneDocument) {
  const auto sink = Play(NewOpenAiChatWriter, Ask{}, ThinkSayCall());
  EXPECT_EQ(sink->HeaderValue("content-type"), "application/json");
  const Json json = sink->Document();
  EXPECT_EQ(json.Find("object")->text(), "chat.completion");
  EXPECT_EQ(json.Find("choices")->Dump(),
            R"([{"index":0,"message":{"role":"assistant","content":"I \"look\".","refusal":null,)"
            R"("reasoning_content":"Why not?","tool_calls":[)"
            R"({"id":"call_ID_0","type":"function","function":{"name":"f","arguments":"{\"a\":1,\"b\":\"ä\\n\"}"}},)"
            R"({"id":"call_ID_1","type":"function","function":{"name":"g","arguments":"{}"}}]},)"
            R"("logprobs":null,"finish_reason":"tool_calls"}])");
  EXPECT_EQ(json.Find("usage")->Find("total_tokens")->AsInt(), 120);
  EXPECT_NE(json.Find("timings"), nullptr);
  Scene calls = ThinkSayCall();
  calls.reply.text.clear();
  const Json message = *Play(NewOpenAiChatWriter, Ask{}, calls)->Document().Find("choices")->items()[0].Find("message");
  EXPECT_TRUE(message.Find("content")->IsNull());
}

TEST(OpenAiChatWriter, ReasonsWhyItEnded) {
  const auto reason = [](FinishReason finish, bool calls) {
    Scene scene = calls ? ThinkSayCall() : Say("x");
    scene.reply.finish_reason = finish;
    return Play(NewOpenAiChatWriter, Ask{}, scene)
        ->Document()
        .Find("choices")
        ->items()[0]
        .Find("finish_reason")
        ->text();
  };
  EXPECT_EQ(reason(FinishReason::kStop, false), "stop");
  EXPECT_EQ(reason(FinishReason::kStop, true), "tool_calls");
  EXPECT_EQ(reason(FinishReason::kLength, false), "length");
  EXPECT_EQ(reason(FinishReason::kLength, true), "length");
  EXPECT_EQ(reason(FinishReason::kContext, false), "length");
}

TEST(OpenAiChatWriter, LogProbabilitiesGoWithTheNextWords) {
  Ask ask = Streaming();
  ask.top_logprobs = 1;
  auto sink = std::make_shared<KeepingSink>();
  auto writer = NewOpenAiChatWriter(ask, {"ID", "model-x", 1'700'000'000}, sink);
  writer->Start(1, 0);
  writer->Write(TokenLogprob{"\xc3", -0.5, {{"a", -0.25}}});
  writer->Write(TokenLogprob{"\xa4", -INFINITY, {}});
  writer->Write(Event(Kind::kContent, "ä"));
  writer->Write(TokenLogprob{"!", -1, {}});
  writer->End(Say("ä").reply);
  const std::vector<std::string> data = sink->Data();
  const auto logprobs = [&](std::size_t i) {
    return Json::Parse(data.at(i), "chunk").value().Find("choices")->items()[0].Find("logprobs")->Dump();
  };
  EXPECT_EQ(logprobs(0), "null");
  EXPECT_EQ(
      logprobs(1),
      R"({"content":[{"token":"�","logprob":-0.5,"bytes":[195],"top_logprobs":[{"token":"a","logprob":-0.25,"bytes":[97]}]},)"
      R"({"token":"�","logprob":-9999.0,"bytes":[164],"top_logprobs":[]}],"refusal":null})");
  EXPECT_EQ(logprobs(2), R"({"content":[{"token":"!","logprob":-1.0,"bytes":[33],"top_logprobs":[]}],"refusal":null})");
  ask.is_stream = false;
  sink = std::make_shared<KeepingSink>();
  writer = NewOpenAiChatWriter(ask, {"ID", "model-x", 1'700'000'000}, sink);
  writer->Start(1, 0);
  for (const char* token : {"a", "b"}) writer->Write(TokenLogprob{token, -1, {}});
  writer->End(Say("ab").reply);
  EXPECT_EQ(sink->Document().Find("choices")->items()[0].Find("logprobs")->Find("content")->items().size(), 2U);
}

TEST(OpenAiChatWriter, ProgressTimesAndWaiting) {
  Ask ask = Streaming();
  ask.wants_progress = true;
  ask.wants_timings = true;
  ask.ignored = "\"temprature\"";
  auto sink = std::make_shared<KeepingSink>();
  const auto writer = NewOpenAiChatWriter(ask, {"ID", "model-x", 1'700'000'000}, sink);
  writer->Wait(3);
  EXPECT_EQ(sink->HeaderValue("x-queue-place"), "3");
  EXPECT_EQ(sink->HeaderValue("x-thimble-ignored"), "\"temprature\"");
  writer->Wait(2);
  writer->Start(100, 40);
  writer->Progress(100, 40, 70, 0.25);
  const Scene scene = ThinkSayCall();
  writer->Note(scene.reply.stats);
  writer->Write(Event(Kind::kContent, "x"));
  Reply reply = scene.reply;
  reply.stats.dropped_messages = 4;
  writer->End(reply);
  const std::vector<StreamEvent> events = sink->Events();
  EXPECT_EQ(events.at(0).comment, "waiting, place 3");
  EXPECT_EQ(events.at(1).comment, "waiting, place 2");
  const std::vector<std::string> chunks = Chunks(*sink, kChatHead);
  EXPECT_EQ(chunks.at(1), R"(],"prompt_progress":{"total":100,"cache":40,"processed":40,"time_ms":0.000}})");
  EXPECT_EQ(chunks.at(2), R"(],"prompt_progress":{"total":100,"cache":40,"processed":70,"time_ms":250.000}})");
  EXPECT_NE(chunks.at(3).find(R"("timings":{"cache_n":60)"), std::string::npos);
  EXPECT_NE(chunks.at(4).find(R"("dropped_messages":4)"), std::string::npos);
  EXPECT_TRUE(chunks.at(5).starts_with(R"(],"timings":{)")) << chunks.at(5);
}

TEST(Writers, ALimitOfNoTokensShowsNone) {
  for (const Make make : {NewOpenAiChatWriter, NewCompletionWriter, NewAnthropicWriter}) {
    for (const bool is_stream : {false, true}) {
      Ask ask;
      ask.is_stream = is_stream;
      ask.wants_usage = true;
      ask.writes_nothing = true;
      const auto sink = Play(make, ask, Say("secret"));
      EXPECT_EQ(sink->body.find("secret"), std::string::npos);
      EXPECT_EQ(sink->body.find("_tokens\":2"), std::string::npos);
      const bool is_length = sink->body.find("\"length\"") != std::string::npos;
      EXPECT_TRUE(is_length || sink->body.find("\"max_tokens\"") != std::string::npos) << sink->body;
    }
  }
}

TEST(Writers, FaultsBeforeAndInAStream) {
  struct Form {
    Make make;
    const char* body;
    const char* event;
  };
  Fault fault;
  fault.status = 503;
  fault.message = "no \xff memory";
  constexpr const char* kOpenAi =
      R"({"error":{"message":"no � memory","type":"unavailable_error","param":null,"code":null}})";
  for (const Form& form :
       {Form{NewOpenAiChatWriter, kOpenAi, ""}, Form{NewCompletionWriter, kOpenAi, ""},
        Form{NewAnthropicWriter, R"({"type":"error","error":{"type":"overloaded_error","message":"no � memory"}})",
             "error"}}) {
    for (const bool is_stream : {false, true}) {
      Ask ask;
      ask.is_stream = is_stream;
      auto sink = std::make_shared<KeepingSink>();
      form.make(ask, {"ID", "m", 1}, sink)->Fail(fault);
      EXPECT_EQ(sink->status, 503);
      EXPECT_EQ(sink->body, form.body);
      EXPECT_EQ(sink->HeaderValue("content-type"), "application/json");
      EXPECT_TRUE(sink->is_over);
      sink = std::make_shared<KeepingSink>();
      const auto writer = form.make(ask, {"ID", "m", 1}, sink);
      writer->Start(5, 0);
      writer->Write(Event(Kind::kContent, "x"));
      writer->Fail(fault);
      EXPECT_EQ(sink->status, is_stream ? 200 : 503);
      EXPECT_TRUE(sink->is_over);
      if (!is_stream) continue;
      EXPECT_EQ(sink->Events().back().data, form.body);
      EXPECT_EQ(sink->Events().back().name, form.event);
    }
  }
}

TEST(Writers, NothingButUtf8ComesOut) {
  Scene scene = Say("a\xff\xc3");
  scene.reply.thinking = "\xed\xa0\x80";
  scene.events.push_back(Event(Kind::kThinking, scene.reply.thinking));
  scene.reply.tool_calls = {{"\xfe", Json::Object({{"\xfd", Json::String("\xfc")}})}};
  scene.events.push_back({Kind::kToolCallEnd, "", scene.reply.tool_calls[0]});
  for (const Make make : {NewOpenAiChatWriter, NewCompletionWriter, NewAnthropicWriter}) {
    for (const bool is_stream : {false, true}) {
      Ask ask;
      ask.is_stream = is_stream;
      EXPECT_TRUE(IsValidUtf8(Play(make, ask, scene)->body));
    }
  }
}

TEST(CompletionWriter, StreamAndDocument) {
  Ask ask = Streaming();
  ask.echoes = true;
  ask.raw_prompt = "Once";
  const auto text = [](const std::string& said, const std::string& finish) {
    return R"({"text":")" + said + R"(","index":0,"logprobs":null,"finish_reason":)" + finish + "}]}";
  };
  EXPECT_EQ(Chunks(*Play(NewCompletionWriter, ask, Say(" upon")), kTextHead),
            (std::vector<std::string>{text("Once", "null"), text(" upon", "null"), text("", "\"stop\""), "[DONE]"}));
  ask.is_stream = false;
  const Json json = Play(NewCompletionWriter, ask, Say(" upon"))->Document();
  EXPECT_EQ(json.Find("choices")->items()[0].Find("text")->text(), "Once upon");
  EXPECT_EQ(json.Find("usage")->Find("total_tokens")->AsInt(), 5);
}

TEST(CompletionWriter, LogProbabilities) {
  Ask ask;
  ask.top_logprobs = 3;
  auto sink = std::make_shared<KeepingSink>();
  const auto writer = NewCompletionWriter(ask, {"ID", "m", 1}, sink);
  writer->Start(1, 0);
  writer->Write(TokenLogprob{"ab", -0.5, {{"ab", -0.5}, {"\xfe", -1}, {"\xff", -2}}});
  writer->Write(TokenLogprob{"c", -INFINITY, {{"d", -INFINITY}}});
  writer->End(Say("abc").reply);
  EXPECT_EQ(
      sink->Document().Find("choices")->items()[0].Find("logprobs")->Dump(),
      R"({"tokens":["ab","c"],"token_logprobs":[-0.5,-9999.0],"top_logprobs":[{"ab":-0.5,"�":-1.0},{"d":-9999.0}],)"
      R"("text_offset":[0,2]})");
}

TEST(AnthropicWriter, AStreamOfBlocks) {
  const auto sink = Play(NewAnthropicWriter, Streaming(), ThinkSayCall());
  std::vector<std::string> said;
  for (const StreamEvent& event : sink->Events()) {
    EXPECT_EQ(Json::Parse(event.data, "event").value().Find("type")->text(), event.name);
    said.push_back(event.data);
  }
  const std::vector<std::string> wanted = {
      R"({"type":"message_start","message":{"id":"msg_ID","type":"message","role":"assistant","model":"model-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":0}}})",
      R"({"type":"ping"})",
      R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Why"}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" not?"}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":""}})",
      R"({"type":"content_block_stop","index":0})",
      R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})",
      R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"I \"look\""}})",
      R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"."}})",
      R"({"type":"content_block_stop","index":1})",
      R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_ID_0","name":"f","input":{}}})",
      R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1,\"b\":\"ä\\n\"}"}})",
      R"({"type":"content_block_stop","index":2})",
      R"({"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_ID_1","name":"g","input":{}}})",
      R"({"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}})",
      R"({"type":"content_block_stop","index":3})",
      R"({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":20}})",
      R"({"type":"message_stop"})"};
  ASSERT_EQ(said.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(said[i], wanted[i]);
}

TEST(AnthropicWriter, OneDocument) {
  const auto sink = Play(NewAnthropicWriter, Ask{}, ThinkSayCall());
  EXPECT_EQ(
      sink->body,
      R"({"id":"msg_ID","type":"message","role":"assistant","model":"model-x","content":[)"
      R"({"type":"thinking","thinking":"Why not?","signature":""},{"type":"text","text":"I \"look\"."},)"
      R"({"type":"tool_use","id":"toolu_ID_0","name":"f","input":{"a":1,"b":"ä\n"}},)"
      R"({"type":"tool_use","id":"toolu_ID_1","name":"g","input":{}}],"stop_reason":"tool_use","stop_sequence":null,)"
      R"("usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":20}})");
}

TEST(AnthropicWriter, ReasonsWhyItEnded) {
  const auto reason = [](FinishReason finish, const std::string& stop) {
    Scene scene = Say("x");
    scene.reply.finish_reason = finish;
    scene.reply.stop_string = stop;
    const Json json = Play(NewAnthropicWriter, Ask{}, scene)->Document();
    return json.Find("stop_reason")->text() + "/" + json.Find("stop_sequence")->Dump();
  };
  EXPECT_EQ(reason(FinishReason::kStop, ""), "end_turn/null");
  EXPECT_EQ(reason(FinishReason::kStop, "END"), "stop_sequence/\"END\"");
  EXPECT_EQ(reason(FinishReason::kLength, ""), "max_tokens/null");
  EXPECT_EQ(reason(FinishReason::kContext, ""), "model_context_window_exceeded/null");
  Scene scene = Say("x");
  scene.reply.stats.dropped_messages = 2;
  EXPECT_EQ(Play(NewAnthropicWriter, Ask{}, scene)->HeaderValue("x-thimble-dropped-messages"), "2");
  EXPECT_NE(Play(NewAnthropicWriter, Streaming(), scene)->body.find(": dropped messages: 2\n\n"), std::string::npos);
}

TEST(AnthropicWriter, AnEmptyAnswerHasNoBlocks) {
  EXPECT_TRUE(Play(NewAnthropicWriter, Ask{}, Say(""))->Document().Find("content")->items().empty());
  EXPECT_EQ(Play(NewAnthropicWriter, Streaming(), Say(""))->body.find("content_block"), std::string::npos);
}

}  // namespace
}  // namespace thimble::service
