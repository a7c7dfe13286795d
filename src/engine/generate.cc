// SPDX-License-Identifier: Apache-2.0
// Session::Generate: read what of the prompt is new, then write the reply token by token.
#include "base/no_memory.h"
#include "base/text.h"
#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "engine/session_memory.h"
#include "engine/thinking_guard.h"
#include "model/workload.h"
#include "sys/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <optional>

namespace thimble {

namespace {

constexpr int kDefaultThinkBudget = 4096;
// Of a slice of reading while others write, who wait for it: as many as take no longer than this, as far as the last
// slice tells.
constexpr int kMostRowsBesideWriters = 128;
constexpr int kLeastRowsBesideWriters = 64;
constexpr double kSliceSeconds = 0.3;
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

// Turns tokens into text events, and keeps the reply's parts.
class Writer {
 public:
  Writer(const EngineParts& engine, const GenerateRequest& request, bool starts_in_thinking, Reply* reply)
      : decoder_(&engine.text_model->tokenizer, true),
        parser_(MakeOptions(request, starts_in_thinking)),
        reply_(reply) {}

  void Add(std::int32_t id) {
    reply_->ids.push_back(id);
    parser_.Append(decoder_.Append(id), &events_);
  }
  void Finish(ReplyEnd end) {
    parser_.Append(decoder_.Flush(), &events_);
    parser_.Finish(&events_, end);
  }
  // Gives out what has come together. False when the sink wants no more.
  bool Deliver(const Sink& sink) {
    bool goes_on = true;
    for (ReplyEvent& event : events_) {
      if (event.kind == ReplyEvent::Kind::kThinking) reply_->thinking += event.text;
      if (event.kind == ReplyEvent::Kind::kContent) reply_->text += event.text;
      if (event.kind == ReplyEvent::Kind::kToolCallEnd) reply_->tool_calls.push_back(event.call);
      if (sink && goes_on) {
        Event out;
        out.kind = Event::Kind::kReply;
        out.reply = std::move(event);
        goes_on = sink(out);
      }
    }
    events_.clear();
    return goes_on;
  }
  [[nodiscard]] bool in_thinking() const { return parser_.in_thinking(); }
  [[nodiscard]] bool hit_stop_string() const { return parser_.hit_stop_string(); }

 private:
  static ReplyOptions MakeOptions(const GenerateRequest& request, bool starts_in_thinking) {
    ReplyOptions options;
    options.starts_in_thinking = starts_in_thinking;
    options.stop_strings = request.stop_strings;
    options.tools = request.tools();
    return options;
  }

  StreamDecoder decoder_;
  ReplyParser parser_;
  Reply* reply_;
  std::vector<ReplyEvent> events_;
};

Error Cancelled() { return Error{Code::kCancelled, "[session] cancelled"}; }

// Without a budget of the user's own: a default, and never so much that the context has no room for an answer.
int ThinkBudget(const GenerateRequest& request, std::int64_t context_left) {
  if (request.think_budget.has_value() || !request.has_chat()) return request.think_budget.value_or(0);
  const auto most = static_cast<int>(static_cast<double>(context_left) * kThinkShare);
  return std::max(1, std::min(kDefaultThinkBudget, most));
}

}  // namespace

// One reply being made. Reading, the lease is held but for the moments in which the sink is called; writing, each token
// has its turn in the workshop.
class Session::Generation {
 public:
  Generation(Memory* memory, const GenerateRequest& request, const Sink& sink, const std::atomic<bool>& is_cancelled)
      : m_(*memory),
        engine_(*memory->parts),
        request_(request),
        sink_(sink),
        is_cancelled_(is_cancelled),
        decoder_(&engine_.config, &engine_.weights) {}

  // Being cancelled is no error, but a reason to end.
  Result<Reply> Run() {
    for (const auto& [id, bias] : request_.logit_bias) {
      (void)bias;
      if (id < 0 || id >= engine_.config.vocab)
        return Error{Code::kInvalid,
                     Cat("[request] logit bias for token ", id, ", the vocabulary has ", engine_.config.vocab)};
    }
    THIMBLE_ASSIGN_OR_RETURN(prompt_, BuildPrompt(engine_.prompts, request_));
    reply_.prompt_ids = prompt_.ids;
    reply_.pictures = prompt_.readings;
    reply_.stats.load_seconds = engine_.load_seconds;
    reply_.stats.prompt_tokens = static_cast<int>(prompt_.ids.size());
    reply_.finish_reason = FinishReason::kStop;
    if (const Status status = Make(); !status.ok()) {
      if (status.error().code != Code::kCancelled) return status.error();
      reply_.finish_reason = FinishReason::kCancelled;
    }
    reply_.stats.tokens = static_cast<int>(reply_.ids.size());
    reply_.stats.peak_rss_bytes = PeakResidentBytes();
    return std::move(reply_);
  }

 private:
  Status Make() {
    if (!TellOfPictures()) return Cancelled();
    THIMBLE_ASSIGN_OR_RETURN(lease_, Lease::Take(m_.parts, &is_cancelled_));
    begin_ = MonotonicSeconds();
    THIMBLE_RETURN_IF_ERROR(Read());
    StartWriting();
    const double writing = MonotonicSeconds();
    Status status = Write();
    // What was held back belongs to the reply, however it ended.
    const bool is_whole = status.ok() && reply_.finish_reason == FinishReason::kStop;
    writer_->Finish(is_whole ? ReplyEnd::kWhole : ReplyEnd::kCut);
    // A stop string in what turned out to be no call.
    if (writer_->hit_stop_string() && status.ok()) reply_.finish_reason = FinishReason::kStop;
    // Who wanted no more is not called again; the reply keeps all of it.
    if (!writer_->Deliver(has_refused_ ? Sink() : sink_) && status.ok() && reply_.finish_reason == FinishReason::kStop)
      status = Cancelled();
    reply_.stats.seconds = MonotonicSeconds() - writing;
    return status;
  }

  [[nodiscard]] bool is_cancelled() const { return is_cancelled_.load(std::memory_order_relaxed); }

  // Calls the sink, or what ends in it, without the lease. kCancelled when it wants no more, or somebody else.
  template <typename Call>
  Status Outside(Call&& call) {
    lease_->GiveBack();
    if (!call()) return Cancelled();
    return lease_->TakeAgain();
  }
  bool TellProgress(double share) {
    if (!sink_) return true;
    Event event;
    event.kind = Event::Kind::kPromptProgress;
    event.share = share;
    return sink_(event);
  }
  Status ReportProgress(double share) {
    return Outside([&] { return TellProgress(share); });
  }
  bool TellOfPictures() {
    if (!sink_ || prompt_.readings.empty()) return true;
    Event event;
    event.kind = Event::Kind::kPictures;
    event.pictures = prompt_.readings;
    return sink_(event);
  }

  // Reads what of the prompt is new; at least one token is run, for its logits.
  Status Read() {
    const auto total = static_cast<std::int64_t>(prompt_.ids.size());
    room_ = std::min<std::int64_t>(request_.max_tokens > 0 ? request_.max_tokens : engine_.context,
                                   engine_.context - total);
    THIMBLE_RETURN_IF_ERROR(m_.RewindTo(prompt_.keys, total - 1));
    const std::int64_t start = m_.state.length();
    reply_.stats.reused_tokens = static_cast<int>(start);
    m_.keys.reserve(static_cast<std::size_t>(total + room_) + 1);
    // The pictures' share of the reading, by multiply-adds; 8-bit ones and float ones are taken as equal.
    const double encoding = m_.PicturesToEncode(prompt_, start).multiply_adds;
    const double passes = static_cast<double>(
        PassWorkload(engine_.config, engine_.weights, engine_.kv_type, start, total - start, 1).multiply_adds());
    const double share_of_pictures = encoding / (encoding + std::max(1.0, passes));
    PictureRows rows;
    const auto report = [&](double share) { return ReportProgress(share * share_of_pictures).ok(); };
    THIMBLE_RETURN_IF_ERROR(m_.GatherRows(prompt_, request_.pictures, start, *lease_, report, &reply_.stats, &rows));
    for (std::int64_t first = start; first < total; first = m_.state.length()) {
      const double read = static_cast<double>(first - start) / static_cast<double>(total - start);
      THIMBLE_RETURN_IF_ERROR(ReportProgress(share_of_pictures + (1 - share_of_pictures) * read));
      THIMBLE_RETURN_IF_ERROR(ReadPass(rows, first));
    }
    return Done{};
  }

  // Passes end at multiples of 64, and at the boundary, where a checkpoint is kept for the next turn. Short ones let
  // others write on meanwhile.
  Status ReadPass(const PictureRows& rows, std::int64_t first) {
    const auto total = static_cast<std::int64_t>(prompt_.ids.size());
    const int most = m_.parts->workshop.num_writing() > 0 ? rows_beside_writers_ : Decoder::kMaxRows;
    std::int64_t end = std::min<std::int64_t>(total, (first + most) / 64 * 64);
    if (first < prompt_.boundary && prompt_.boundary < end) end = prompt_.boundary;
    const LogitRows logits = end == total ? LogitRows::kLast : LogitRows::kNone;
    const double begin = MonotonicSeconds();
    THIMBLE_RETURN_IF_ERROR(decoder_.Forward(Memory::BatchOf(prompt_, rows, first, end - first, logits), &m_.state,
                                             lease_->scratch(), lease_->ops()));
    const double row_seconds = (MonotonicSeconds() - begin) / static_cast<double>(end - first);
    rows_beside_writers_ =
        row_seconds * kMostRowsBesideWriters > kSliceSeconds ? kLeastRowsBesideWriters : kMostRowsBesideWriters;
    m_.state.CommitAll();
    m_.keys.insert(m_.keys.end(), prompt_.keys.begin() + static_cast<std::ptrdiff_t>(first),
                   prompt_.keys.begin() + static_cast<std::ptrdiff_t>(end));
    return end == prompt_.boundary ? m_.KeepCheckpoint() : Done{};
  }

  void StartWriting() {
    reply_.stats.prompt_seconds = MonotonicSeconds() - begin_;
    const SamplerOptions sampling = ChooseSampling(engine_, request_, prompt_.ends_in_thinking);
    reply_.stats.seed = sampling.seed;
    sampler_.emplace(sampling, engine_.config.vocab);
    sampler_->AddPrompt(prompt_.ids);
    best_.count = sampler_->NumBestLogits();
    best_.num_rows = static_cast<std::int64_t>(engine_.exists.end());
    if (sampler_->adjusts() || engine_.exists.has_holes()) {
      best_.lowered = [this](std::int32_t id, float logit) {
        return engine_.exists.Allows(id) ? sampler_->Adjusted(id, logit) : -INFINITY;
      };
    }
    guard_.emplace(ThinkBudget(request_, engine_.context - static_cast<std::int64_t>(prompt_.ids.size())),
                   request_.loop_guard.value_or(request_.has_chat()));
    writer_.emplace(engine_, request_, prompt_.ends_in_thinking, &reply_);
    reply_.ids.reserve(static_cast<std::size_t>(room_));
  }

  // Writes until something ends the reply; reply_.finish_reason says what, if it is no error. A token is chosen while
  // the logits are there, before anybody hears of anything: they are the scratch's, which others may use meanwhile.
  Status Write() {
    std::int32_t position = prompt_.next_position;
    if (room_ > 0) ChooseNext(lease_->scratch()->logits().RowSpan(0));
    lease_->GiveBack();  // from here on a turn is a token's
    if (!TellProgress(1.0)) return Cancelled();
    const Workshop::WritingScope writing(&m_.parts->workshop);
    while (true) {
      const std::int32_t id = next_;
      if (static_cast<std::int64_t>(reply_.ids.size()) >= room_) {
        const bool is_asked = request_.max_tokens > 0 && room_ == request_.max_tokens;
        reply_.finish_reason = is_asked ? FinishReason::kLength : FinishReason::kContext;
        return Done{};
      }
      if (is_cancelled()) return Cancelled();
      if (reply_.ids.empty()) reply_.stats.first_token_seconds = MonotonicSeconds() - begin_;
      if (!is_forced_ && !request_.ignore_eos && IsEnd(id)) return Done{};
      THIMBLE_RETURN_IF_ERROR(Take(id));
      if (writer_->hit_stop_string()) return Done{};
      if (static_cast<std::int64_t>(reply_.ids.size()) >= room_) continue;  // nothing follows: no need to run it
      THIMBLE_RETURN_IF_ERROR(RunToken(id, position++));
    }
  }

  // The token that follows what was run last, forced or sampled.
  void ChooseNext(std::span<float> logits) {
    is_forced_ = next_forced_ < forced_.size();
    next_ = is_forced_ ? forced_[next_forced_++] : sampler_->Sample(logits, &engine_.exists);
  }

  // `id` becomes part of the reply.
  Status Take(std::int32_t id) {
    sampler_->Accept(id);
    const bool was_thinking = writer_->in_thinking();
    writer_->Add(id);
    has_refused_ = !writer_->Deliver(sink_);
    if (has_refused_) return Cancelled();
    if (was_thinking && writer_->in_thinking() && is_guarded_ && !is_forced_) GuardThinking(id);
    return Done{};
  }

  void GuardThinking(std::int32_t id) {
    const ThinkingGuard::Verdict verdict = guard_->Add(id);
    if (verdict == ThinkingGuard::Verdict::kGoOn) return;
    reply_.stats.think_closed_by_budget = verdict == ThinkingGuard::Verdict::kBudget;
    reply_.stats.think_closed_by_loop = verdict == ThinkingGuard::Verdict::kLoop;
    engine_.text_model->tokenizer.EncodeTo("\n</think>\n\n", AddedTokens::kRecognise, &forced_);
    is_guarded_ = false;
  }

  Status RunToken(std::int32_t id, std::int32_t position) {
    const Position where{position, position, position};
    Batch batch;
    batch.tokens = {&id, 1};
    batch.positions = {&where, 1};
    batch.logits = LogitRows::kLast;
    batch.best = &best_;
    SharedRows rows;
    rows.batch = &batch;
    rows.state = &m_.state;
    rows.use = [&](std::span<float> logits) {
      m_.keys.push_back(PromptKey::OfToken(id));
      ChooseNext(logits);
    };
    rows.screened = &reply_.stats.head;
    return m_.parts->workshop.Run(m_.parts, &rows, &is_cancelled_);
  }

  [[nodiscard]] bool IsEnd(std::int32_t id) const {
    const auto ends = engine_.text_model->tokenizer.end_tokens();
    return std::find(ends.begin(), ends.end(), id) != ends.end();
  }

  Memory& m_;
  const EngineParts& engine_;
  const GenerateRequest& request_;
  const Sink& sink_;
  const std::atomic<bool>& is_cancelled_;
  const Decoder decoder_;
  std::unique_ptr<Lease> lease_;
  Prompt prompt_;
  Reply reply_;
  double begin_ = 0;
  std::int64_t room_ = 0;  // tokens that may be written
  int rows_beside_writers_ = kMostRowsBesideWriters;
  std::optional<Sampler> sampler_;
  std::optional<ThinkingGuard> guard_;
  std::optional<Writer> writer_;
  BestLogits best_;
  std::vector<std::int32_t> forced_;  // tokens to be written in place of sampled ones
  std::size_t next_forced_ = 0;
  std::int32_t next_ = 0;   // the token chosen last
  bool is_forced_ = false;  // it is one of them
  bool is_guarded_ = true;
  bool has_refused_ = false;  // the sink wants no more
};

Result<Reply> Session::Generate(const GenerateRequest& request, const Sink& sink) {
  const BusyScope busy(&memory_->is_busy);
  THIMBLE_RETURN_IF_ERROR(busy.status());
  auto reply = ExhaustedIfNoMemory([&] { return Generation(memory_.get(), request, sink, is_cancelled_).Run(); });
  is_cancelled_.store(false, std::memory_order_relaxed);  // this one has ended
  return reply;
}

}  // namespace thimble
