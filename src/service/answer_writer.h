// SPDX-License-Identifier: Apache-2.0
// AnswerWriter: turns what the engine does into the form that the client expects, as a stream or in one piece.
#pragma once

#include "engine/session.h"
#include "service/ask.h"
#include "service/error_form.h"
#include "service/exchange.h"
#include "text/reply_parser.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace thimble::service {

// What stands in every answer.
struct AnswerFacts {
  std::string id;            // without its form's prefix
  std::string model;         // the name of the model that answers
  std::int64_t created = 0;  // seconds since 1970
};

// One answer. Calls come in this order: Start, then Progress and Write in any order, then End or Fail.
// Fail may come first, too: then it is an answer with that status; later in a stream it is an error event.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  // The prompt has so many tokens; of them, `known` were read before.
  virtual void Start(std::int64_t prompt_tokens, std::int64_t known_tokens) = 0;
  // So much of the prompt is read, in `seconds`.
  virtual void Progress(std::int64_t total, std::int64_t known, std::int64_t read, double seconds) = 0;
  // How far the answer is, before the event that follows: for times in every part of a stream. May never come.
  virtual void Note(const GenerateStats& so_far) = 0;
  virtual void Write(const ReplyEvent& event) = 0;
  // Of a token of the answer, before the event that it belongs to; those of reasoning are none of the answer's.
  virtual void Write(const TokenLogprob& token) = 0;
  // A word to whoever waits, also before Start: a comment in a stream, which begins with it; nothing elsewhere.
  virtual void Wait(std::int64_t place) = 0;
  virtual void End(const Reply& reply) = 0;
  virtual void Fail(const Fault& fault) = 0;
};

std::unique_ptr<AnswerWriter> NewOpenAiChatWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink);
std::unique_ptr<AnswerWriter> NewCompletionWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink);
std::unique_ptr<AnswerWriter> NewAnthropicWriter(const Ask& ask, AnswerFacts facts, std::shared_ptr<AnswerSink> sink);

}  // namespace thimble::service
