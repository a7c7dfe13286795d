// SPDX-License-Identifier: Apache-2.0
// Answers of /v1/completions: the prompt where it is echoed, and the text that follows.
#include "base/text.h"
#include "files/json.h"
#include "service/answer_stream.h"
#include "service/answer_writer.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace thimble::service {

namespace {

class CompletionWriter final : public AnswerWriter {
 public:
  CompletionWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink)
      : facts_(std::move(facts)),
        stream_(ask, std::move(sink)),
        echo_(ask.echoes ? ask.raw_prompt : ""),
        wants_usage_(ask.wants_usage),
        wants_timings_(ask.wants_timings),
        wants_progress_(ask.wants_progress),
        wants_logprobs_(ask.top_logprobs.has_value()),
        writes_nothing_(ask.writes_nothing) {}

  void Start(std::int64_t prompt_tokens, std::int64_t known_tokens) override;
  void Progress(std::int64_t total, std::int64_t known, std::int64_t read, double seconds) override {
    if (stream_.is_stream() && wants_progress_)
      SendChunk("", Cat(",\"prompt_progress\":", ProgressJson(total, known, read, seconds)));
  }
  void Note(const GenerateStats& so_far) override {
    if (wants_timings_) timings_ = TimingsJson(so_far);
  }
  void Write(const ReplyEvent& event) override;
  void Write(const TokenLogprob& token) override;
  void Wait(std::int64_t place) override { stream_.Wait(place); }
  void End(const Reply& reply) override;
  void Fail(const Fault& fault) override { stream_.FailAsOpenAi(fault); }

 private:
  std::string Chunk(std::string_view choices, std::string_view more);
  void SendChunk(std::string_view choices, std::string_view more) { stream_.Event("", Chunk(choices, more)); }
  [[nodiscard]] std::string Head() const;
  std::string Choice(std::string_view text, std::string_view finish);
  std::string TakeLogprobs();

  AnswerFacts facts_;
  AnswerStream stream_;
  std::string echo_;
  bool wants_usage_, wants_timings_, wants_progress_, wants_logprobs_, writes_nothing_;
  std::string timings_;  // of the stream so far
  // Of tokens not given out yet, OpenAI's four lists.
  std::string tokens_, numbers_, tops_, offsets_;
  std::size_t offset_ = 0;  // bytes of the answer before the next token
};

std::string CompletionWriter::Head() const {
  return Cat("{\"id\":", JsonQuote(Cat("cmpl-", facts_.id)),
             ",\"object\":\"text_completion\",\"created\":", facts_.created, ",\"model\":", JsonQuote(facts_.model));
}

std::string CompletionWriter::Chunk(std::string_view choices, std::string_view more) {
  return Cat(Head(), ",\"choices\":[", choices, "]", more, "}");
}

std::string CompletionWriter::TakeLogprobs() {
  if (tokens_.empty()) return "null";
  return Cat("{\"tokens\":[", std::exchange(tokens_, ""), "],\"token_logprobs\":[", std::exchange(numbers_, ""),
             "],\"top_logprobs\":[", std::exchange(tops_, ""), "],\"text_offset\":[", std::exchange(offsets_, ""),
             "]}");
}

std::string CompletionWriter::Choice(std::string_view text, std::string_view finish) {
  return Cat("{\"text\":", JsonQuote(text), ",\"index\":0,\"logprobs\":", TakeLogprobs(),
             ",\"finish_reason\":", finish.empty() ? "null" : JsonQuote(finish), "}");
}

void CompletionWriter::Start(std::int64_t prompt_tokens, std::int64_t known_tokens) {
  if (!stream_.is_stream()) return;
  stream_.Begin();
  Progress(prompt_tokens, known_tokens, known_tokens, 0);
  if (!echo_.empty()) SendChunk(Choice(echo_, ""), "");
}

// The reply was read as plain text: there is nothing but content.
void CompletionWriter::Write(const ReplyEvent& event) {
  if (!stream_.is_stream() || writes_nothing_ || event.text.empty()) return;
  SendChunk(Choice(event.text, ""), timings_.empty() ? "" : Cat(",\"timings\":", timings_));
}

void CompletionWriter::Write(const TokenLogprob& token) {
  if (!wants_logprobs_ || writes_nothing_) return;
  const std::string comma = tokens_.empty() ? "" : ",";
  std::vector<Json::Member> top;
  for (const auto& [bytes, logprob] : token.top) {
    // Parts of characters can read alike: the likeliest of them stays.
    const std::string name = ReplaceInvalidUtf8(bytes);
    const bool is_new =
        std::none_of(top.begin(), top.end(), [&](const Json::Member& one) { return one.first == name; });
    if (is_new) top.emplace_back(name, Json::Float(std::isfinite(logprob) ? logprob : -9999));
  }
  tokens_ += Cat(comma, JsonQuote(token.bytes));
  numbers_ += Cat(comma, LogprobNumber(token.logprob));
  tops_ += Cat(comma, Json::Object(std::move(top)).Dump());
  offsets_ += Cat(comma, offset_);
  offset_ += token.bytes.size();
}

void CompletionWriter::End(const Reply& reply) {
  const Reply shown = writes_nothing_ ? WithoutWords(reply) : reply;
  const std::string_view finish = FinishWord(shown);
  const std::string dropped = DroppedNumber(shown);
  const std::string more = dropped.empty() ? "" : Cat(",\"dropped_messages\":", dropped);
  if (!stream_.is_stream()) {
    stream_.Whole(200, Cat(Head(), ",\"choices\":[", Choice(echo_ + shown.text, finish), "],\"usage\":",
                           UsageJson(shown.stats), ",\"timings\":", TimingsJson(shown.stats), more, "}"));
    return;
  }
  SendChunk(Choice("", finish), more);
  stream_.EndAsOpenAi(shown.stats, wants_usage_, wants_timings_,
                      [this](std::string_view numbers) { return Chunk("", numbers); });
}

}  // namespace

std::unique_ptr<AnswerWriter> NewCompletionWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink) {
  return std::make_unique<CompletionWriter>(ask, std::move(facts), std::move(sink));
}

}  // namespace thimble::service
