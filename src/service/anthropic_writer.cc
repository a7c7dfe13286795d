// SPDX-License-Identifier: Apache-2.0
// Answers of /v1/messages. A stream: message_start, each block with its start, deltas and stop, message_delta with why
// it ended and the counts, message_stop. No fields but Anthropic's.
#include "base/text.h"
#include "files/json.h"
#include "service/answer_stream.h"
#include "service/answer_writer.h"

#include <utility>

namespace thimble::service {

namespace {

constexpr std::string_view kPath = "/v1/messages";

class AnthropicWriter final : public AnswerWriter {
 public:
  AnthropicWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink)
      : facts_(std::move(facts)), stream_(ask, std::move(sink)), writes_nothing_(ask.writes_nothing) {}

  void Start(std::int64_t prompt_tokens, std::int64_t known_tokens) override;
  // Keeps clients from giving up.
  void Progress(std::int64_t /*total*/, std::int64_t /*known*/, std::int64_t /*read*/, double /*seconds*/) override {
    if (stream_.is_stream() && has_started_) stream_.Event("ping", R"({"type":"ping"})");
  }
  void Note(const GenerateStats& /*so_far*/) override {}
  void Write(const ReplyEvent& event) override;
  void Write(const TokenLogprob& /*token*/) override {}
  void Wait(std::int64_t place) override { stream_.Wait(place); }
  void End(const Reply& reply) override;
  void Fail(const Fault& fault) override;

 private:
  enum class Block { kNone, kThinking, kText };

  void Open(Block block);
  void Close();
  void SendStart(std::string_view block);
  void SendDelta(std::string_view delta);
  void SendStop();
  void SendCall(const ToolCall& call);
  [[nodiscard]] std::string Head() const;
  [[nodiscard]] std::string CallHead(const ToolCall& call, std::size_t index) const;
  [[nodiscard]] std::string Content(const Reply& reply) const;

  AnswerFacts facts_;
  AnswerStream stream_;
  bool writes_nothing_;
  bool has_started_ = false;
  Block open_ = Block::kNone;
  std::size_t num_blocks_ = 0;  // begun
  std::size_t num_calls_ = 0;
};

std::string UsageOf(std::int64_t prompt, std::int64_t known, std::int64_t written) {
  return Cat("{\"input_tokens\":", prompt - known,
             ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":", known, ",\"output_tokens\":", written,
             "}");
}

std::string UsageOf(const GenerateStats& stats) {
  return UsageOf(stats.prompt_tokens, stats.reused_tokens, stats.tokens);
}

// "stop_reason" and "stop_sequence".
std::string Reason(const Reply& reply) {
  std::string_view reason = "end_turn";
  if (reply.finish_reason == FinishReason::kLength) reason = "max_tokens";
  if (reply.finish_reason == FinishReason::kContext) reason = "model_context_window_exceeded";
  if (reply.finish_reason == FinishReason::kStop && !reply.stop_string.empty()) reason = "stop_sequence";
  if (reply.finish_reason == FinishReason::kStop && !reply.tool_calls.empty()) reason = "tool_use";
  return Cat("\"stop_reason\":\"", reason,
             "\",\"stop_sequence\":", reason == "stop_sequence" ? JsonQuote(reply.stop_string) : "null");
}

std::string AnthropicWriter::Head() const {
  return Cat("{\"id\":", JsonQuote(Cat("msg_", facts_.id)),
             ",\"type\":\"message\",\"role\":\"assistant\",\"model\":", JsonQuote(facts_.model));
}

void AnthropicWriter::Start(std::int64_t prompt_tokens, std::int64_t known_tokens) {
  if (!stream_.is_stream() || std::exchange(has_started_, true)) return;
  stream_.Event("message_start", Cat("{\"type\":\"message_start\",\"message\":", Head(),
                                     ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":",
                                     UsageOf(prompt_tokens, known_tokens, 0), "}}"));
  stream_.Event("ping", R"({"type":"ping"})");
}

void AnthropicWriter::SendStart(std::string_view block) {
  stream_.Event("content_block_start",
                Cat("{\"type\":\"content_block_start\",\"index\":", num_blocks_++, ",\"content_block\":", block, "}"));
}

void AnthropicWriter::SendDelta(std::string_view delta) {
  stream_.Event("content_block_delta",
                Cat("{\"type\":\"content_block_delta\",\"index\":", num_blocks_ - 1, ",\"delta\":", delta, "}"));
}

void AnthropicWriter::SendStop() {
  stream_.Event("content_block_stop", Cat("{\"type\":\"content_block_stop\",\"index\":", num_blocks_ - 1, "}"));
}

void AnthropicWriter::Close() {
  if (open_ == Block::kNone) return;
  // Clients send it back with the block; there is nothing to sign.
  if (open_ == Block::kThinking) SendDelta(R"({"type":"signature_delta","signature":""})");
  SendStop();
  open_ = Block::kNone;
}

void AnthropicWriter::Open(Block block) {
  if (open_ == block) return;
  Close();
  SendStart(block == Block::kThinking ? R"({"type":"thinking","thinking":"","signature":""})"
                                      : R"({"type":"text","text":""})");
  open_ = block;
}

std::string AnthropicWriter::CallHead(const ToolCall& call, std::size_t index) const {
  return Cat("{\"type\":\"tool_use\",\"id\":", JsonQuote(Cat("toolu_", facts_.id, "_", index)),
             ",\"name\":", JsonQuote(call.name), ",\"input\":");
}

void AnthropicWriter::SendCall(const ToolCall& call) {
  Close();
  SendStart(Cat(CallHead(call, num_calls_++), "{}}"));
  SendDelta(Cat("{\"type\":\"input_json_delta\",\"partial_json\":", JsonQuote(call.arguments.Dump()), "}"));
  SendStop();
}

void AnthropicWriter::Write(const ReplyEvent& event) {
  if (!stream_.is_stream() || writes_nothing_) return;
  const bool is_thinking = event.kind == ReplyEvent::Kind::kThinking;
  if (event.kind == ReplyEvent::Kind::kToolCallEnd) {
    SendCall(event.call);
  } else if ((is_thinking || event.kind == ReplyEvent::Kind::kContent) && !event.text.empty()) {
    Open(is_thinking ? Block::kThinking : Block::kText);
    SendDelta(is_thinking ? Cat("{\"type\":\"thinking_delta\",\"thinking\":", JsonQuote(event.text), "}")
                          : Cat("{\"type\":\"text_delta\",\"text\":", JsonQuote(event.text), "}"));
  }
}

std::string AnthropicWriter::Content(const Reply& reply) const {
  std::string blocks;
  const auto add = [&](std::string_view block) { blocks += Cat(blocks.empty() ? "" : ",", block); };
  if (!reply.thinking.empty())
    add(Cat("{\"type\":\"thinking\",\"thinking\":", JsonQuote(reply.thinking), ",\"signature\":\"\"}"));
  if (!reply.text.empty()) add(Cat("{\"type\":\"text\",\"text\":", JsonQuote(reply.text), "}"));
  for (std::size_t i = 0; i < reply.tool_calls.size(); ++i)
    add(Cat(CallHead(reply.tool_calls[i], i), reply.tool_calls[i].arguments.Dump(), "}"));
  return blocks;
}

void AnthropicWriter::End(const Reply& reply) {
  const Reply shown = writes_nothing_ ? WithoutWords(reply) : reply;
  if (!stream_.is_stream()) {
    std::vector<Header> headers;
    if (const std::string dropped = DroppedNumber(shown); !dropped.empty())
      headers.push_back({"x-thimble-dropped-messages", dropped});
    stream_.Whole(
        200,
        Cat(Head(), ",\"content\":[", Content(shown), "],", Reason(shown), ",\"usage\":", UsageOf(shown.stats), "}"),
        std::move(headers));
    return;
  }
  Start(shown.stats.prompt_tokens, shown.stats.reused_tokens);
  Close();
  if (const std::string dropped = DroppedNumber(shown); !dropped.empty())
    stream_.Comment(Cat("dropped messages: ", dropped));
  stream_.Event("message_delta", Cat("{\"type\":\"message_delta\",\"delta\":{", Reason(shown),
                                     "},\"usage\":", UsageOf(shown.stats), "}"));
  stream_.Event("message_stop", R"({"type":"message_stop"})");
  stream_.End();
}

void AnthropicWriter::Fail(const Fault& fault) {
  const WholeAnswer error = MakeError(kPath, fault);
  if (!stream_.has_begun()) {
    stream_.Whole(error.status, error.body);
    return;
  }
  stream_.Event("error", error.body);
  stream_.End();
}

}  // namespace

std::unique_ptr<AnswerWriter> NewAnthropicWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink) {
  return std::make_unique<AnthropicWriter>(ask, std::move(facts), std::move(sink));
}

}  // namespace thimble::service
