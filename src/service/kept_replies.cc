// SPDX-License-Identifier: Apache-2.0
#include "service/kept_replies.h"

#include "service/answer_stream.h"

#include <algorithm>

namespace thimble::service {

namespace {

// Messages that wait for replies which nobody asks for.
constexpr std::size_t kMostExpected = 1024;
constexpr double kSyncSeconds = 1;
constexpr double kRestSeconds = 60;
// A disk may have room again in a minute.
constexpr int kMostTries = 60;
// Of a message's facts, which may have 64 KiB in all.
constexpr std::size_t kMostCallBytes = 48 << 10;

Json Parsed(const std::string& json) {
  auto parsed = Json::Parse(json, "numbers");
  return parsed.ok() ? std::move(parsed).value() : Json();
}

Json CallsOf(const Reply& reply) {
  std::vector<Json> calls;
  for (const ToolCall& call : reply.tool_calls)
    calls.push_back(Json::Object({{"name", Json::String(call.name)}, {"arguments", call.arguments}}));
  return Json::Array(std::move(calls));
}

Json FactsOf(const Reply& reply) {
  const bool is_stopped = reply.finish_reason == FinishReason::kCancelled;
  const std::string finish = is_stopped ? "stopped"
                             : reply.finish_reason == FinishReason::kStop && !reply.tool_calls.empty()
                                 ? "tool_calls"
                                 : FinishReasonName(reply.finish_reason);
  const GenerateStats& stats = reply.stats;
  Json facts = Json::Object(
      {{"finish", Json::String(finish)}, {"usage", Parsed(UsageJson(stats))}, {"timings", Parsed(TimingsJson(stats))}});
  if (stats.dropped_messages > 0) {
    facts.Set("dropped", Json::Integer(stats.dropped_messages));
    facts.Set("dropped_tokens", Json::Integer(stats.dropped_tokens));
  }
  if (!reply.tool_calls.empty()) {
    Json calls = CallsOf(reply);
    if (calls.Dump().size() <= kMostCallBytes) facts.Set("tool_calls", std::move(calls));
  }
  return facts;
}

Json FactsOf(const Fault& fault) {
  Json facts = Json::Object({{"finish", Json::String("failed")}, {"error", Json::String(fault.message)}});
  if (!fault.code.empty()) facts.Set("error_code", Json::String(fault.code));
  return facts;
}

class KeepingWriter final : public AnswerWriter {
 public:
  KeepingWriter(std::unique_ptr<AnswerWriter> writer, std::shared_ptr<KeptReply> reply)
      : writer_(std::move(writer)), reply_(std::move(reply)) {}

  void Start(std::int64_t prompt_tokens, std::int64_t known_tokens) override {
    writer_->Start(prompt_tokens, known_tokens);
  }
  void Progress(std::int64_t total, std::int64_t known, std::int64_t read, double seconds) override {
    writer_->Progress(total, known, read, seconds);
  }
  void Note(const GenerateStats& so_far) override { writer_->Note(so_far); }
  // The journal first: what a reader has seen is there after a kill.
  void Write(const ReplyEvent& event) override {
    if (event.kind == ReplyEvent::Kind::kThinking) reply_->Append(event.text, "");
    if (event.kind == ReplyEvent::Kind::kContent) reply_->Append("", event.text);
    writer_->Write(event);
  }
  void Write(const TokenLogprob& token) override { writer_->Write(token); }
  void Wait(std::int64_t place) override { writer_->Wait(place); }
  void End(const Reply& reply) override {
    const bool is_stopped = reply.finish_reason == FinishReason::kCancelled;
    reply_->End(is_stopped ? MessageState::kStopped : MessageState::kDone, FactsOf(reply));
    writer_->End(reply);
  }
  void Fail(const Fault& fault) override {
    reply_->End(MessageState::kFailed, FactsOf(fault));
    writer_->Fail(fault);
  }

 private:
  std::unique_ptr<AnswerWriter> writer_;
  std::shared_ptr<KeptReply> reply_;
};

}  // namespace

void KeptReply::Append(std::string_view reasoning, std::string_view text) {
  if (journal_ == nullptr || (reasoning.empty() && text.empty())) return;
  {
    const MutexLock lock(&mutex_);
    if (!first_word_.has_value()) first_word_ = clock_() - began_;
  }
  journal_->Append(reasoning, text);
}

void KeptReply::End(MessageState state, Json facts) {
  {
    const MutexLock lock(&mutex_);
    if (ending_.has_value()) return;
    if (first_word_.has_value()) facts.Set("ttft_ms", Json::Float(*first_word_ * 1e3));
    ending_.emplace(Ending{state, std::move(facts)});
  }
  wake_();
}

OrFault<Done> KeptReply::Begin(ChatStore* store) {
  THIMBLE_ASSIGN_OR_RETURN(journal_, store->Begin(chat_, message_));
  return Done{};
}

void KeptReply::Sync() {
  if (journal_ != nullptr && !has_end()) (void)journal_->Sync();  // Finish says it where the disk is full
}

bool KeptReply::Finish() {
  Ending ending;
  {
    const MutexLock lock(&mutex_);
    if (!ending_.has_value()) return true;
    ending = *ending_;
  }
  if (journal_ == nullptr) return true;
  const auto finished = journal_->Finish(ending.state, model_, ending.facts);
  if (!finished.ok() && finished.error().status >= 500) return false;
  journal_.reset();
  return true;
}

bool KeptReply::has_end() const {
  const MutexLock lock(&mutex_);
  return ending_.has_value();
}

std::unique_ptr<AnswerWriter> NewKeepingWriter(std::unique_ptr<AnswerWriter> writer, std::shared_ptr<KeptReply> reply) {
  return std::make_unique<KeepingWriter>(std::move(writer), std::move(reply));
}

void KeptReplies::Expect(const std::string& chat, const std::string& message) {
  const MutexLock lock(&mutex_);
  std::erase_if(expected_, [&](const auto& expected) { return expected.first == message; });
  expected_.emplace_back(message, chat);
  if (expected_.size() > kMostExpected) expected_.pop_front();
}

std::shared_ptr<KeptReply> KeptReplies::NewReply(const std::string& message, const std::string& model) {
  if (store_ == nullptr) return nullptr;
  const MutexLock lock(&mutex_);
  const auto it =
      std::find_if(expected_.begin(), expected_.end(), [&](const auto& expected) { return expected.first == message; });
  if (it == expected_.end()) return nullptr;
  return std::make_shared<KeptReply>(it->second, message, model, clock_, wake_);
}

OrFault<Done> KeptReplies::Begin(const std::shared_ptr<KeptReply>& reply) {
  THIMBLE_RETURN_IF_ERROR(reply->Begin(store_));
  const MutexLock lock(&mutex_);
  std::erase_if(expected_, [&](const auto& expected) { return expected.first == reply->message(); });
  running_.push_back({reply, 0});
  return Done{};
}

void KeptReplies::Tend() {
  std::vector<Running> running;
  {
    const MutexLock lock(&mutex_);
    running.swap(running_);
  }
  const double now = clock_();
  const bool is_time = now - tended_at_ >= kSyncSeconds;
  if (is_time) tended_at_ = now;
  std::erase_if(running, [&](Running& each) {
    if (is_time) each.reply->Sync();
    if (!each.reply->has_end() || (each.num_tries > 0 && !is_time)) return false;
    // A message that could not be finished is as after a kill: the store ends it at its next opening.
    return each.reply->Finish() || ++each.num_tries >= kMostTries;
  });
  const MutexLock lock(&mutex_);
  running_.insert(running_.begin(), std::make_move_iterator(running.begin()), std::make_move_iterator(running.end()));
}

std::vector<std::string> KeptReplies::OfChat(const std::string& chat) const {
  std::vector<std::string> messages;
  const MutexLock lock(&mutex_);
  for (const Running& each : running_) {
    if (each.reply->chat() == chat && !each.reply->has_end()) messages.push_back(each.reply->message());
  }
  return messages;
}

void KeptReplies::Close() {
  std::vector<Running> running;
  {
    const MutexLock lock(&mutex_);
    running.swap(running_);
  }
  for (const Running& each : running) {
    each.reply->End(MessageState::kStopped, Json::Object({{"finish", Json::String("stopped")}}));
    (void)each.reply->Finish();  // what fails here is as after a kill
  }
}

double KeptReplies::Due() const {
  const MutexLock lock(&mutex_);
  return running_.empty() ? kRestSeconds : kSyncSeconds;
}

}  // namespace thimble::service
