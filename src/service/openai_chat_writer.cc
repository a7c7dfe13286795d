// SPDX-License-Identifier: Apache-2.0
// Answers of /v1/chat/completions. A stream: the role, pieces of reasoning, content and whole tool calls, the reason
// why it ended, the counts where they are asked for, [DONE]. Nothing empty, the role once, one id.
#include "base/text.h"
#include "files/json.h"
#include "service/answer_stream.h"
#include "service/answer_writer.h"

#include <utility>

namespace thimble::service {

namespace {

std::string TokenJson(std::string_view bytes, double logprob) {
  std::string numbers;
  for (const char c : bytes) numbers += Cat(numbers.empty() ? "" : ",", int{static_cast<unsigned char>(c)});
  return Cat("\"token\":", JsonQuote(bytes), ",\"logprob\":", LogprobNumber(logprob), ",\"bytes\":[", numbers, "]");
}

std::string LogprobJson(const TokenLogprob& token) {
  std::string top;
  for (const auto& [bytes, logprob] : token.top)
    top += Cat(top.empty() ? "" : ",", "{", TokenJson(bytes, logprob), "}");
  return Cat("{", TokenJson(token.bytes, token.logprob), ",\"top_logprobs\":[", top, "]}");
}

class OpenAiChatWriter final : public AnswerWriter {
 public:
  OpenAiChatWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink)
      : facts_(std::move(facts)),
        stream_(ask, std::move(sink)),
        wants_usage_(ask.wants_usage),
        wants_timings_(ask.wants_timings),
        wants_progress_(ask.wants_progress),
        wants_logprobs_(ask.top_logprobs.has_value()),
        writes_nothing_(ask.writes_nothing) {}

  void Start(std::int64_t prompt_tokens, std::int64_t known_tokens) override {
    SayRole();
    if (wants_progress_) Progress(prompt_tokens, known_tokens, known_tokens, 0);
  }
  void Progress(std::int64_t total, std::int64_t known, std::int64_t read, double seconds) override;
  void Note(const GenerateStats& so_far) override {
    if (wants_timings_) timings_ = TimingsJson(so_far);
  }
  void Write(const ReplyEvent& event) override;
  void Write(const TokenLogprob& token) override;
  void Wait(std::int64_t place) override { stream_.Wait(place); }
  void End(const Reply& reply) override;
  void Fail(const Fault& fault) override { stream_.FailAsOpenAi(fault); }

 private:
  void SayRole();
  void SayCall(const ToolCall& call);
  void Say(std::string_view delta);
  void SayEnd(const Reply& reply);
  std::string Chunk(std::string_view choices, std::string_view more);
  void SendChunk(std::string_view choices, std::string_view more) { stream_.Event("", Chunk(choices, more)); }
  void EndStream(const Reply& reply);
  [[nodiscard]] std::string Head(std::string_view object) const;
  [[nodiscard]] std::string CallId(std::size_t index) const { return Cat("call_", facts_.id, "_", index); }
  [[nodiscard]] std::string WholeChoice(const Reply& reply);
  std::string TakeLogprobs();

  AnswerFacts facts_;
  AnswerStream stream_;
  bool wants_usage_, wants_timings_, wants_progress_, wants_logprobs_, writes_nothing_;
  bool has_role_ = false;
  std::size_t num_calls_ = 0;
  std::string logprobs_;  // not given out yet
  std::string timings_;   // of the stream so far
};

std::string OpenAiChatWriter::Head(std::string_view object) const {
  return Cat("{\"id\":", JsonQuote(Cat("chatcmpl-", facts_.id)), ",\"object\":\"", object,
             "\",\"created\":", facts_.created, ",\"model\":", JsonQuote(facts_.model));
}

std::string OpenAiChatWriter::Chunk(std::string_view choices, std::string_view more) {
  return Cat(Head("chat.completion.chunk"), ",\"choices\":[", choices, "]", more, "}");
}

std::string OpenAiChatWriter::TakeLogprobs() {
  if (logprobs_.empty()) return "null";
  return Cat("{\"content\":[", std::exchange(logprobs_, ""), "],\"refusal\":null}");
}

void OpenAiChatWriter::Say(std::string_view delta) {
  SayRole();
  SendChunk(Cat("{\"index\":0,\"delta\":{", delta, "},\"logprobs\":", TakeLogprobs(), ",\"finish_reason\":null}"),
            timings_.empty() ? "" : Cat(",\"timings\":", timings_));
}

void OpenAiChatWriter::SayEnd(const Reply& reply) {
  SayRole();
  const std::string dropped = DroppedNumber(reply);
  SendChunk(
      Cat("{\"index\":0,\"delta\":{},\"logprobs\":", TakeLogprobs(), ",\"finish_reason\":\"", FinishWord(reply), "\"}"),
      dropped.empty() ? "" : Cat(",\"dropped_messages\":", dropped));
}

void OpenAiChatWriter::SayRole() {
  if (!stream_.is_stream() || std::exchange(has_role_, true)) return;
  SendChunk(R"({"index":0,"delta":{"role":"assistant","content":null},"logprobs":null,"finish_reason":null})", "");
}

void OpenAiChatWriter::Progress(std::int64_t total, std::int64_t known, std::int64_t read, double seconds) {
  if (!stream_.is_stream() || !wants_progress_) return;
  SayRole();
  SendChunk("", Cat(",\"prompt_progress\":", ProgressJson(total, known, read, seconds)));
}

void OpenAiChatWriter::Write(const ReplyEvent& event) {
  if (!stream_.is_stream() || writes_nothing_) return;
  switch (event.kind) {
    case ReplyEvent::Kind::kThinking:
      if (!event.text.empty()) Say(Cat("\"reasoning_content\":", JsonQuote(event.text)));
      break;
    case ReplyEvent::Kind::kContent:
      if (!event.text.empty()) Say(Cat("\"content\":", JsonQuote(event.text)));
      break;
    case ReplyEvent::Kind::kToolCallEnd:
      SayCall(event.call);
      break;
    case ReplyEvent::Kind::kToolCallBegin:  // who knows whether it becomes one
    case ReplyEvent::Kind::kToolCallPiece:
      break;
  }
}

// The name first, with empty arguments: clients that add up pieces lose what stands beside a name.
void OpenAiChatWriter::SayCall(const ToolCall& call) {
  const std::size_t index = num_calls_++;
  Say(Cat("\"tool_calls\":[{\"index\":", index, ",\"id\":", JsonQuote(CallId(index)),
          ",\"type\":\"function\",\"function\":{\"name\":", JsonQuote(call.name), ",\"arguments\":\"\"}}]"));
  Say(Cat("\"tool_calls\":[{\"index\":", index, ",\"function\":{\"arguments\":", JsonQuote(call.arguments.Dump()),
          "}}]"));
}

void OpenAiChatWriter::Write(const TokenLogprob& token) {
  if (wants_logprobs_ && !writes_nothing_) logprobs_ += Cat(logprobs_.empty() ? "" : ",", LogprobJson(token));
}

std::string OpenAiChatWriter::WholeChoice(const Reply& reply) {
  std::string message = "{\"role\":\"assistant\",\"content\":";
  message += reply.text.empty() && !reply.tool_calls.empty() ? "null" : JsonQuote(reply.text);
  message += ",\"refusal\":null";
  if (!reply.thinking.empty()) message += Cat(",\"reasoning_content\":", JsonQuote(reply.thinking));
  std::string calls;
  for (std::size_t i = 0; i < reply.tool_calls.size(); ++i) {
    const ToolCall& call = reply.tool_calls[i];
    calls += Cat(i == 0 ? "" : ",", "{\"id\":", JsonQuote(CallId(i)),
                 ",\"type\":\"function\",\"function\":{\"name\":", JsonQuote(call.name),
                 ",\"arguments\":", JsonQuote(call.arguments.Dump()), "}}");
  }
  if (!calls.empty()) message += Cat(",\"tool_calls\":[", calls, "]");
  return Cat("{\"index\":0,\"message\":", message, "},\"logprobs\":", TakeLogprobs(), ",\"finish_reason\":\"",
             FinishWord(reply), "\"}");
}

void OpenAiChatWriter::EndStream(const Reply& reply) {
  SayEnd(reply);
  stream_.EndAsOpenAi(reply.stats, wants_usage_, wants_timings_,
                      [this](std::string_view numbers) { return Chunk("", numbers); });
}

void OpenAiChatWriter::End(const Reply& reply) {
  const Reply shown = writes_nothing_ ? WithoutWords(reply) : reply;
  if (stream_.is_stream()) {
    EndStream(shown);
    return;
  }
  const std::string dropped = DroppedNumber(shown);
  stream_.Whole(200, Cat(Head("chat.completion"), ",\"choices\":[", WholeChoice(shown),
                         "],\"usage\":", UsageJson(shown.stats), ",\"timings\":", TimingsJson(shown.stats),
                         dropped.empty() ? "" : Cat(",\"dropped_messages\":", dropped), "}"));
}

}  // namespace

std::unique_ptr<AnswerWriter> NewOpenAiChatWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink) {
  return std::make_unique<OpenAiChatWriter>(ask, std::move(facts), std::move(sink));
}

}  // namespace thimble::service
