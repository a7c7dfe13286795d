// SPDX-License-Identifier: Apache-2.0
// What the writers of all forms share: server-sent events, or one JSON document; numbers of tokens and times.
#pragma once

#include "engine/session.h"
#include "service/answer_writer.h"
#include "service/ask.h"
#include "service/exchange.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

// One answer on its way to a sink.
class AnswerStream {
 public:
  AnswerStream(const Ask& ask, std::shared_ptr<AnswerSink> sink);

  [[nodiscard]] bool is_stream() const { return is_stream_; }
  [[nodiscard]] bool has_begun() const { return has_begun_; }
  // Of a stream: its status and headers, once.
  void Begin();
  // "data: JSON", with "event: NAME" before it unless that is empty. `json` has no line breaks.
  void Event(std::string_view name, std::string_view json);
  // ": TEXT", which clients do not see. Begins the stream: who waits has its headers.
  void Comment(std::string_view text);
  void End();
  // All of an answer that is no stream, or that failed before it began.
  void Whole(int status, std::string_view json, std::vector<Header> headers = {});

  // What OpenAI's clients take for the end: its last numbers in a chunk with no choice (`chunk` makes one of them)
  // where somebody asked for them, then [DONE]. And a fault, as an answer or, in a stream, as its last event.
  void EndAsOpenAi(const GenerateStats& stats, bool wants_usage, bool wants_timings,
                   const std::function<std::string(std::string_view numbers)>& chunk);
  void FailAsOpenAi(const Fault& fault);

  // A word to who waits in the queue: a header where the stream begins with it, and a comment.
  void Wait(std::int64_t place);

 private:
  [[nodiscard]] std::vector<Header> Headers(std::string_view type) const;

  std::shared_ptr<AnswerSink> sink_;
  std::string ignored_;
  std::int64_t place_ = 0;  // in the queue; 0: not said
  bool is_stream_;
  bool has_begun_ = false;
};

// What the conversation lost before this answer because it no longer fitted, for a header or a field.
std::string DroppedNumber(const Reply& reply);

// OpenAI's "usage": {"prompt_tokens":..., ...}.
std::string UsageJson(const GenerateStats& stats);
// llama.cpp's "timings".
std::string TimingsJson(const GenerateStats& stats);
// "prompt_progress", llama.cpp's.
std::string ProgressJson(std::int64_t total, std::int64_t known, std::int64_t read, double seconds);
// "stop", "length" or "tool_calls".
std::string_view FinishWord(const Reply& reply);
// A number of JSON: finite, else the nearest end of what clients can hold.
std::string LogprobNumber(double value);
// The reply as a request for no tokens shows it.
Reply WithoutWords(const Reply& reply);

}  // namespace thimble::service
