// SPDX-License-Identifier: Apache-2.0
#include "engine/writing.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace thimble {

namespace {

constexpr int kDefaultThinkBudget = 4096;
// Part of the context that is left which reasoning may take before the answer must begin.
constexpr double kThinkShare = 0.75;

SamplerOptions ChooseSampling(const EngineParts& engine, const GenerateRequest& request, bool is_thinking) {
  SamplerHints hints = request.sampling;
  // Plain argmax stays plain: only what the user asked for.
  if (hints.temperature != 0.0) {
    const ModelClass model_class =
        engine.text_model->chat_template.variant == TemplateVariant::kSmall ? ModelClass::kSmall : ModelClass::kLarge;
    hints = Merge(Merge(hints, engine.file_hints), CardPreset(model_class, is_thinking, !request.pictures.empty()));
  }
  SamplerOptions options = ToOptions(hints);
  options.logit_bias = request.logit_bias;
  options.seed = request.seed.value_or(
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) & 0xFFFFFFFFu);
  return options;
}

// Without a budget of the user's own: a default, and never so much that the context has no room for an answer.
int ThinkBudget(const GenerateRequest& request, std::int64_t context_left) {
  if (request.think_budget.has_value() || !request.has_chat()) return request.think_budget.value_or(0);
  const auto most = static_cast<int>(static_cast<double>(context_left) * kThinkShare);
  return std::max(1, std::min(kDefaultThinkBudget, most));
}

ReplyOptions ParserOptions(const GenerateRequest& request, bool starts_in_thinking) {
  ReplyOptions options;
  options.starts_in_thinking = starts_in_thinking;
  options.stop_strings = request.stop_strings;
  options.tools = request.tools();
  options.is_plain = request.is_plain;
  options.is_calls_or_text = request.is_calls_or_text;
  return options;
}

}  // namespace

Writing::Writing(Session::Memory* memory, const GenerateRequest& request, const Prompt& prompt, std::int64_t room,
                 Reply* reply)
    : m_(*memory),
      engine_(*memory->parts),
      request_(request),
      reply_(reply),
      room_(room),
      position_(prompt.next_position),
      sampler_(ChooseSampling(engine_, request, prompt.ends_in_thinking), engine_.config.vocab),
      guard_(ThinkBudget(request, engine_.prompts.context - static_cast<std::int64_t>(prompt.ids.size())),
             request.loop_guard.value_or(request.has_chat())),
      decoder_(&engine_.text_model->tokenizer, true),
      parser_(ParserOptions(request, prompt.ends_in_thinking)) {
  reply_->stats.seed = sampler_.options().seed;
  reply_->ids.reserve(static_cast<std::size_t>(room));
  sampler_.AddPrompt(prompt.ids);
  if (request.filter != nullptr) request.filter->Begin(prompt.ends_in_thinking);
  rows_.batch = &batch_;
  rows_.state = &m_.state;
  rows_.left = &left_;
  rows_.use = [this](std::span<float> logits) {
    for (const std::int32_t id : taken_) m_.keys.push_back(PromptKey::OfToken(id));
    position_ += static_cast<std::int32_t>(taken_.size());
    taken_.clear();
    m_.CountTaken();
    ChooseNext(logits);
  };
}

const TokenMask& Writing::Mask() const {
  const TokenMask* allowed = request_.filter == nullptr ? nullptr : request_.filter->Allowed();
  return allowed == nullptr ? engine_.exists : *allowed;
}

void Writing::ChooseFirst(std::span<float> logits) {
  if (room_ > 0) ChooseNext(logits);
}

// Chosen while the logits are there, before anybody hears of anything: they are the scratch's, which others may use
// meanwhile.
void Writing::ChooseNext(std::span<float> logits) {
  // Sampling changes them. What they say is computed in TellToken, when others may have their turn.
  if (wants_logprobs()) own_logits_.assign(logits.begin(), logits.end());
  if (!ChooseWithoutModel()) next_ = sampler_.Sample(logits, &Mask());
}

bool Writing::ChooseWithoutModel() {
  is_inserted_ = next_inserted_ < inserted_.size();
  if (is_inserted_) {
    next_ = inserted_[next_inserted_++];
    return true;
  }
  const TokenMask& mask = Mask();
  if (mask.count() != 1) return false;
  next_ = static_cast<std::int32_t>(mask.end()) - 1;
  return true;
}

bool Writing::Take(const Sink& sink) {
  while (true) {
    if (!TakeOne(sink)) return false;
    // Where the model's opinion is wanted it is asked about every token, those that it has no choice about too.
    if (wants_logprobs()) return true;
    if (taken_.size() == static_cast<std::size_t>(DecoderState::kMaxPartialRows) || !ChooseWithoutModel()) return true;
  }
}

bool Writing::TakeOne(const Sink& sink) {
  const bool is_asked = request_.max_tokens > 0 && room_ == request_.max_tokens;
  const FinishReason full = is_asked ? FinishReason::kLength : FinishReason::kContext;
  if (static_cast<std::int64_t>(reply_->ids.size()) >= room_) return End(full);
  const std::int32_t id = next_;
  if (!is_inserted_ && !request_.ignore_eos && IsEnd(id)) return End(FinishReason::kStop);
  sampler_.Accept(id);
  if (request_.filter != nullptr) request_.filter->Accept(id);
  const bool was_thinking = parser_.in_thinking();
  reply_->ids.push_back(id);
  if (was_thinking) ++reply_->stats.thinking_tokens;
  parser_.Append(decoder_.Append(id), &events_);
  has_refused_ = !TellToken(id, sink) || !Deliver(sink);
  if (has_refused_) return End(FinishReason::kCancelled);
  if (was_thinking && parser_.in_thinking() && is_guarded_ && !is_inserted_) Guard(id);
  if (parser_.hit_stop_string()) return End(FinishReason::kStop);
  if (static_cast<std::int64_t>(reply_->ids.size()) >= room_) return End(full);  // nothing follows: no need to run it
  taken_.push_back(id);
  return true;
}

bool Writing::TellToken(std::int32_t id, const Sink& sink) {
  if (!sink || !wants_logprobs()) return true;
  Event event;
  event.kind = Event::Kind::kToken;
  event.token = LogprobsOf(own_logits_, engine_.exists, id, *request_.top_logprobs);
  return sink(event);
}

// Gives out what has come together. False when the sink wants no more.
bool Writing::Deliver(const Sink& sink) {
  bool goes_on = true;
  for (ReplyEvent& event : events_) {
    if (event.kind == ReplyEvent::Kind::kThinking) reply_->thinking += event.text;
    if (event.kind == ReplyEvent::Kind::kContent) reply_->text += event.text;
    if (event.kind == ReplyEvent::Kind::kToolCallEnd) reply_->tool_calls.push_back(event.call);
    if (!sink || !goes_on) continue;
    Event out;
    out.kind = Event::Kind::kReply;
    out.reply = std::move(event);
    goes_on = sink(out);
  }
  events_.clear();
  return goes_on;
}

void Writing::Guard(std::int32_t id) {
  const ThinkingGuard::Verdict verdict = guard_.Add(id);
  if (verdict == ThinkingGuard::Verdict::kGoOn) return;
  reply_->stats.think_closed_by_budget = verdict == ThinkingGuard::Verdict::kBudget;
  reply_->stats.think_closed_by_loop = verdict == ThinkingGuard::Verdict::kLoop;
  engine_.text_model->tokenizer.EncodeTo("\n</think>\n\n", AddedTokens::kRecognise, &inserted_);
  is_guarded_ = false;
}

SharedRows* Writing::Rows(double deadline, const std::atomic<bool>* stop) {
  rows_.deadline = deadline;
  rows_.stop = stop;
  if (left_.is_begun()) return &rows_;  // the same rows again
  places_.clear();
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    const std::int32_t position = position_ + static_cast<std::int32_t>(i);
    places_.push_back({position, position, position});
  }
  batch_.tokens = taken_;
  batch_.positions = places_;
  batch_.logits = LogitRequest(LogitRows::kLast);
  batch_.logits.mask = wants_logprobs() ? &engine_.exists : &Mask();
  return &rows_;
}

void Writing::Finish(const Sink& sink) {
  const bool is_whole = reply_->finish_reason == FinishReason::kStop;
  parser_.Append(decoder_.Flush(), &events_);
  parser_.Finish(&events_, is_whole ? ReplyEnd::kWhole : ReplyEnd::kCut);
  // A stop string in what turned out to be no call.
  const bool is_ended = reply_->finish_reason != FinishReason::kCancelled;
  if (parser_.hit_stop_string() && is_ended) {
    reply_->finish_reason = FinishReason::kStop;
    reply_->stop_string = parser_.stop_string();
  }
  // Who wanted no more is not called again; the reply keeps all of it.
  if (!Deliver(has_refused_ ? Sink() : sink) && reply_->finish_reason == FinishReason::kStop)
    reply_->finish_reason = FinishReason::kCancelled;
}

bool Writing::IsEnd(std::int32_t id) const {
  const auto is_among = [id](std::span<const std::int32_t> ends) {
    return std::find(ends.begin(), ends.end(), id) != ends.end();
  };
  return is_among(engine_.text_model->tokenizer.end_tokens()) || is_among(request_.more_ends);
}

}  // namespace thimble
