// SPDX-License-Identifier: Apache-2.0
// Writing: tokens of a reply, chosen, told to the listener, and run for the next one's logits.
#pragma once

#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/session_memory.h"
#include "engine/thinking_guard.h"
#include "engine/workshop.h"
#include "sampling/sampler.h"
#include "text/reply_parser.h"
#include "text/tokenizer.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace thimble {

class Writing {
 public:
  // What it is given must outlive it; `room`: tokens that may be written at most.
  Writing(Session::Memory* memory, const GenerateRequest& request, const Prompt& prompt, std::int64_t room,
          Reply* reply);

  // Chooses the first token, from the logits of the prompt's last.
  void ChooseFirst(std::span<float> logits);
  // Takes what was chosen last, and what follows it in any case (a closed think block, what a filter leaves no choice
  // about), into the reply. False: the reply is over, and
  // reply->finish_reason says why.
  bool Take(const Sink& sink);
  // The tokens taken that the model has not seen: to be run in the workshop before the next Take.
  SharedRows* Rows(double deadline, const std::atomic<bool>* stop);
  // Gives out what was held back: it belongs to the reply, however that ended. reply->finish_reason may change by it.
  void Finish(const Sink& sink);

 private:
  void ChooseNext(std::span<float> logits);
  // The next token, where it does not depend on logits.
  bool ChooseWithoutModel();
  [[nodiscard]] const TokenMask& Mask() const;
  [[nodiscard]] bool wants_logprobs() const { return request_.top_logprobs.has_value(); }
  bool TakeOne(const Sink& sink);
  bool TellToken(std::int32_t id, const Sink& sink);
  bool Deliver(const Sink& sink);
  void Guard(std::int32_t id);
  [[nodiscard]] bool IsEnd(std::int32_t id) const;
  bool End(FinishReason reason) {
    reply_->finish_reason = reason;
    return false;
  }

  Session::Memory& m_;
  const EngineParts& engine_;
  const GenerateRequest& request_;
  Reply* reply_;
  std::int64_t room_;
  std::int32_t position_;  // of the first token that has not been run
  Sampler sampler_;
  ThinkingGuard guard_;
  StreamDecoder decoder_;
  ReplyParser parser_;
  std::vector<ReplyEvent> events_;
  std::vector<std::int32_t> inserted_;  // tokens of ours, to be written in place of the model's
  std::size_t next_inserted_ = 0;
  std::int32_t next_ = 0;          // the token chosen last
  bool is_inserted_ = false;       // it is one of them
  std::vector<float> own_logits_;  // that it was chosen by, as the model gave them, where they are wanted
  bool is_guarded_ = true;
  bool has_refused_ = false;  // the sink wants no more
  // The next pass.
  std::vector<std::int32_t> taken_;
  std::vector<Position> places_;
  Batch batch_;
  SharedRows rows_;
  UnfinishedPass left_;
};

}  // namespace thimble
