// SPDX-License-Identifier: Apache-2.0
#include "service/answer_stream.h"

#include "base/text.h"
#include "files/json.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace thimble::service {

namespace {

// Keys that clients made up may hold anything; a header may not.
std::string ForHeader(const std::string& text) {
  constexpr std::size_t kMostBytes = 500;
  const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return is_plain && text.size() <= kMostBytes ? text : "";
}

double PerSecond(double count, double seconds) { return seconds > 0 ? count / seconds : 0; }

// Milliseconds; three digits behind the point are microseconds.
std::string Milliseconds(double seconds) { return Fixed(seconds * 1e3, 3); }

}  // namespace

AnswerStream::AnswerStream(const Ask& ask, std::shared_ptr<AnswerSink> sink)
    : sink_(std::move(sink)), ignored_(ForHeader(ask.ignored)), is_stream_(ask.is_stream) {}

std::vector<Header> AnswerStream::Headers(std::string_view type) const {
  std::vector<Header> headers = {{"content-type", std::string(type)}};
  if (!ignored_.empty()) headers.push_back({"x-thimble-ignored", ignored_});
  if (place_ > 0) headers.push_back({"x-queue-place", Cat(place_)});
  return headers;
}

void AnswerStream::Begin() {
  if (std::exchange(has_begun_, true)) return;
  std::vector<Header> headers = Headers("text/event-stream");
  headers.push_back({"cache-control", "no-cache"});
  sink_->Begin(200, std::move(headers));
}

void AnswerStream::Event(std::string_view name, std::string_view json) {
  Begin();
  std::string part = name.empty() ? "" : Cat("event: ", name, "\n");
  part.append("data: ").append(json).append("\n\n");
  sink_->Part(part);
}

void AnswerStream::Comment(std::string_view text) {
  Begin();
  sink_->Part(Cat(": ", text, "\n\n"));
}

void AnswerStream::End() { sink_->End(); }

void AnswerStream::Whole(int status, std::string_view json, std::vector<Header> headers) {
  has_begun_ = true;
  std::vector<Header> all = Headers("application/json");
  for (Header& header : headers) all.push_back(std::move(header));
  sink_->Begin(status, std::move(all));
  sink_->Part(json);
  sink_->End();
}

void AnswerStream::EndAsOpenAi(const GenerateStats& stats, bool wants_usage, bool wants_timings,
                               const std::function<std::string(std::string_view numbers)>& chunk) {
  std::string numbers;
  if (wants_usage) numbers += Cat(",\"usage\":", UsageJson(stats));
  if (wants_usage || wants_timings) numbers += Cat(",\"timings\":", TimingsJson(stats));
  // Clients that take the first choice of every chunk break at one without: it comes only where it was asked for.
  if (!numbers.empty()) Event("", chunk(numbers));
  Event("", "[DONE]");
  End();
}

void AnswerStream::FailAsOpenAi(const Fault& fault) {
  const WholeAnswer error = MakeError("", fault);
  if (!has_begun()) {
    Whole(error.status, error.body);
    return;
  }
  Event("", error.body);
  End();
}

void AnswerStream::Wait(std::int64_t place) {
  if (!has_begun_) place_ = place;
  if (is_stream_) Comment(Cat("waiting, place ", place));
}

std::string DroppedNumber(const Reply& reply) {
  return reply.stats.dropped_messages > 0 ? Cat(reply.stats.dropped_messages) : "";
}

std::string UsageJson(const GenerateStats& stats) {
  return Cat("{\"prompt_tokens\":", stats.prompt_tokens, ",\"completion_tokens\":", stats.tokens,
             ",\"total_tokens\":", std::int64_t{stats.prompt_tokens} + stats.tokens,
             ",\"prompt_tokens_details\":{\"cached_tokens\":", stats.reused_tokens,
             "},\"completion_tokens_details\":{\"reasoning_tokens\":", stats.thinking_tokens, "}}");
}

std::string TimingsJson(const GenerateStats& stats) {
  const int read = stats.prompt_tokens - stats.reused_tokens;
  const auto each = [](double seconds, int count) { return Milliseconds(count > 0 ? seconds / count : 0); };
  return Cat("{\"cache_n\":", stats.reused_tokens, ",\"prompt_n\":", read,
             ",\"prompt_ms\":", Milliseconds(stats.prompt_seconds),
             ",\"prompt_per_token_ms\":", each(stats.prompt_seconds, read),
             ",\"prompt_per_second\":", Fixed(PerSecond(read, stats.prompt_seconds), 3),
             ",\"predicted_n\":", stats.tokens, ",\"predicted_ms\":", Milliseconds(stats.seconds),
             ",\"predicted_per_token_ms\":", each(stats.seconds, stats.tokens),
             ",\"predicted_per_second\":", Fixed(PerSecond(stats.tokens, stats.seconds), 3),
             // Not llama.cpp's: of all threads.
             stats.cpu_seconds > 0 ? Cat(",\"cpu_ms\":", Milliseconds(stats.cpu_seconds)) : "", "}");
}

std::string ProgressJson(std::int64_t total, std::int64_t known, std::int64_t read, double seconds) {
  return Cat("{\"total\":", total, ",\"cache\":", known, ",\"processed\":", read,
             ",\"time_ms\":", Milliseconds(seconds), "}");
}

std::string_view FinishWord(const Reply& reply) {
  const bool is_cut = reply.finish_reason == FinishReason::kLength || reply.finish_reason == FinishReason::kContext;
  return is_cut ? "length" : reply.tool_calls.empty() ? "stop" : "tool_calls";
}

std::string LogprobNumber(double value) {
  constexpr double kLeast = -9999;  // what OpenAI's API says of tokens that cannot come
  return Json::Float(std::isfinite(value) ? std::max(value, kLeast) : kLeast).Dump();
}

Reply WithoutWords(const Reply& reply) {
  Reply out;
  out.finish_reason = FinishReason::kLength;
  out.stats = reply.stats;
  out.stats.tokens = 0;
  out.stats.thinking_tokens = 0;
  return out;
}

}  // namespace thimble::service
