// SPDX-License-Identifier: Apache-2.0
// Job: one request that needs a model, on its way through the service.
#pragma once

#include "engine/generation.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "service/answer_writer.h"
#include "service/ask.h"
#include "service/exchange.h"
#include "service/kept_replies.h"
#include "service/live_model.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace thimble::service {

// For tests: what the answer to `ask` may say in place of what the request's grammar lets it say; nullptr: the request
// rules.
using FilterMaker = std::function<std::shared_ptr<TokenFilter>(const Ask& ask, const LiveModel& model)>;

struct Job {
  RequestId id = 0;
  Ask ask;
  std::unique_ptr<AnswerWriter> writer;
  std::shared_ptr<AnswerSink> sink;
  std::shared_ptr<KeptReply> reply;  // that it is written into; nullptr: nowhere
  std::atomic<bool> is_cancelled{false};
  std::atomic<bool> is_stopped{false};  // somebody has had enough of it: it ends with what there is
  double told_at = 0;                   // when the client last heard that it waits

  // Prepared for one model: its prompt, and what was left out of the conversation for it to fit.
  std::shared_ptr<LiveModel> prepared_for;
  std::optional<Prompt> prompt;
  int dropped_messages = 0;
  std::int64_t dropped_tokens = 0;

  // While it is read and written. The service's lock guards `generation` itself, so that Cancel may reach it.
  std::unique_ptr<Session> session;
  std::unique_ptr<Generation> generation;
  bool has_started = false;        // the writer knows the prompt's size
  std::vector<TokenLogprob> held;  // of tokens whose text has not come yet: the answer's, or the reasoning's
  double began = 0;
};

}  // namespace thimble::service
