// SPDX-License-Identifier: Apache-2.0
// Session::Generate: read what of the prompt is new, then write the reply token by token.
#include "base/text.h"
#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "engine/session_memory.h"
#include "engine/thinking_guard.h"
#include "model/workload.h"
#include "sys/machine.h"

#include <algorithm>
#include <chrono>

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

// Turns tokens into text events, and keeps the reply's parts.
class Writer {
 public:
  Writer(const EngineParts& engine, const GenerateRequest& request, bool starts_in_thinking, const Sink& sink,
         Reply* reply)
      : decoder_(&engine.text_model->tokenizer, true),
        parser_(MakeOptions(request, starts_in_thinking)),
        sink_(sink),
        reply_(reply) {}

  // False when the sink wants no more.
  bool Add(std::int32_t id) {
    reply_->ids.push_back(id);
    parser_.Append(decoder_.Append(id), &events_);
    return Deliver();
  }
  bool Finish(ReplyEnd end) {
    parser_.Append(decoder_.Flush(), &events_);
    parser_.Finish(&events_, end);
    return Deliver();
  }
  [[nodiscard]] bool in_thinking() const { return parser_.in_thinking(); }
  [[nodiscard]] bool hit_stop_string() const { return parser_.hit_stop_string(); }

 private:
  static ReplyOptions MakeOptions(const GenerateRequest& request, bool starts_in_thinking) {
    ReplyOptions options;
    options.starts_in_thinking = starts_in_thinking;
    options.stop_strings = request.stop_strings;
    options.tools = request.chat.tools;
    return options;
  }
  bool Deliver() {
    bool goes_on = true;
    for (ReplyEvent& event : events_) {
      if (event.kind == ReplyEvent::Kind::kThinking) reply_->thinking += event.text;
      if (event.kind == ReplyEvent::Kind::kContent) reply_->text += event.text;
      if (event.kind == ReplyEvent::Kind::kToolCallEnd) reply_->tool_calls.push_back(event.call);
      if (sink_ && goes_on) {
        Event out;
        out.kind = Event::Kind::kReply;
        out.reply = std::move(event);
        goes_on = sink_(out);
      }
    }
    events_.clear();
    return goes_on;
  }

  StreamDecoder decoder_;
  ReplyParser parser_;
  const Sink& sink_;
  Reply* reply_;
  std::vector<ReplyEvent> events_;
};

}  // namespace

Result<Reply> Session::Generate(const GenerateRequest& request, const Sink& sink) {
  is_cancelled_.store(false, std::memory_order_relaxed);
  Memory& m = *memory_;
  const EngineParts& engine = *m.parts;
  for (const auto& [id, bias] : request.logit_bias) {
    (void)bias;
    if (id < 0 || id >= engine.config.vocab)
      return Error{Code::kInvalid,
                   Cat("[request] logit bias for token ", id, ", the vocabulary has ", engine.config.vocab)};
  }
  THIMBLE_ASSIGN_OR_RETURN(const Prompt prompt, BuildPrompt(engine, request));
  const Lease lease(m.parts);
  const double begin = MonotonicSeconds();
  const auto total = static_cast<std::int64_t>(prompt.ids.size());
  Reply reply;
  reply.prompt_ids = prompt.ids;
  reply.stats.load_seconds = engine.load_seconds;
  reply.stats.prompt_tokens = static_cast<int>(total);
  const auto is_cancelled = [this] { return is_cancelled_.load(std::memory_order_relaxed); };
  const auto report = [&](double share) {
    if (is_cancelled()) return false;
    if (!sink) return true;
    Event event;
    event.kind = Event::Kind::kPromptProgress;
    event.share = share;
    return sink(event);
  };
  const auto finish = [&](FinishReason reason) {
    reply.finish_reason = reason;
    reply.stats.tokens = static_cast<int>(reply.ids.size());
    reply.stats.peak_rss_bytes = PeakResidentBytes();
    return reply;
  };

  // Read. At least one token is run, for its logits.
  THIMBLE_RETURN_IF_ERROR(m.RewindTo(prompt.keys, total - 1));
  std::int64_t first = m.state.length();
  reply.stats.reused_tokens = static_cast<int>(first);
  PictureRows rows;
  // The pictures' share of the reading, by multiply-adds; 8-bit ones and float ones are taken as equal.
  const double encoding = m.PicturesToEncode(prompt, first).multiply_adds;
  const double passes = static_cast<double>(
      PassWorkload(engine.config, engine.weights, engine.kv_type, first, total - first, 1).multiply_adds());
  const double share_of_pictures = encoding / (encoding + std::max(1.0, passes));
  const auto report_pictures = [&](double share) { return report(share * share_of_pictures); };
  if (auto status = m.GatherRows(prompt, request.pictures, first, lease, report_pictures, &reply.stats, &rows);
      !status.ok()) {
    if (status.error().code == Code::kCancelled) return finish(FinishReason::kCancelled);
    return status.error();
  }
  const Decoder decoder(&engine.config, &engine.weights);
  const std::int64_t start = first;
  while (first < total) {
    const double read = static_cast<double>(first - start) / static_cast<double>(total - start);
    if (!report(share_of_pictures + (1 - share_of_pictures) * read)) return finish(FinishReason::kCancelled);
    // Passes end at multiples of 64, and at the boundary, where a checkpoint is kept for the next turn.
    std::int64_t end = std::min<std::int64_t>(total, (first + Decoder::kMaxRows) / 64 * 64);
    if (first < prompt.boundary && prompt.boundary < end) end = prompt.boundary;
    const LogitRows logits = end == total ? LogitRows::kLast : LogitRows::kNone;
    THIMBLE_RETURN_IF_ERROR(decoder.Forward(Memory::BatchOf(prompt, rows, first, end - first, logits), &m.state,
                                            lease.scratch(), lease.ops()));
    m.state.CommitAll();
    m.keys.insert(m.keys.end(), prompt.keys.begin() + static_cast<std::ptrdiff_t>(first),
                  prompt.keys.begin() + static_cast<std::ptrdiff_t>(end));
    first = end;
    if (first == prompt.boundary) THIMBLE_RETURN_IF_ERROR(m.KeepCheckpoint());
  }
  report(1.0);
  reply.stats.prompt_seconds = MonotonicSeconds() - begin;

  // Write.
  const SamplerOptions sampling = ChooseSampling(engine, request, prompt.ends_in_thinking);
  reply.stats.seed = sampling.seed;
  Sampler sampler(sampling, engine.config.vocab);
  sampler.AddPrompt(prompt.ids);
  const Tokenizer& tokenizer = engine.text_model->tokenizer;
  // Padding rows are never drawn; plain argmax masks nothing.
  const int num_tokens = sampling.temperature == 0.0 ? 0 : tokenizer.num_tokens();
  BestLogits best;
  best.count = sampler.NumBestLogits();
  best.num_rows = num_tokens;
  if (sampler.adjusts()) best.lowered = [&](std::int32_t id, float logit) { return sampler.Adjusted(id, logit); };
  const ScreenCounts counts_before = lease.scratch()->screen.counts();
  const std::int64_t room =
      std::min<std::int64_t>(request.max_tokens > 0 ? request.max_tokens : engine.context, engine.context - total);
  const bool is_chat = request.ids.empty();
  // Without a budget of the user's own: a default, and never so much that the context has no room for an answer.
  int budget = request.think_budget.value_or(0);
  if (is_chat && !request.think_budget.has_value()) {
    const auto most = static_cast<int>(static_cast<double>(engine.context - total) * kThinkShare);
    budget = std::max(1, std::min(kDefaultThinkBudget, most));
  }
  ThinkingGuard guard(budget, request.loop_guard.value_or(is_chat));
  Writer writer(engine, request, prompt.ends_in_thinking, sink, &reply);
  std::vector<std::int32_t> forced;  // tokens still to be written in place of sampled ones
  std::size_t next_forced = 0;
  bool is_guarded = true;
  std::int32_t position = prompt.next_position;
  const double writing = MonotonicSeconds();
  FinishReason reason = FinishReason::kStop;
  m.keys.reserve(m.keys.size() + static_cast<std::size_t>(room) + 1);
  reply.ids.reserve(static_cast<std::size_t>(room));
  const auto is_end = [&](std::int32_t id) {
    const auto ends = tokenizer.end_tokens();
    return std::find(ends.begin(), ends.end(), id) != ends.end();
  };
  while (true) {
    if (static_cast<std::int64_t>(reply.ids.size()) >= room) {
      reason = request.max_tokens > 0 && room == request.max_tokens ? FinishReason::kLength : FinishReason::kContext;
      break;
    }
    if (is_cancelled()) {
      reason = FinishReason::kCancelled;
      break;
    }
    const bool is_forced = next_forced < forced.size();
    const std::int32_t id =
        is_forced ? forced[next_forced++] : sampler.Sample(lease.scratch()->logits().RowSpan(0), num_tokens);
    if (reply.ids.empty()) reply.stats.first_token_seconds = MonotonicSeconds() - begin;
    if (!is_forced && !request.ignore_eos && is_end(id)) break;
    sampler.Accept(id);
    const bool was_thinking = writer.in_thinking();
    if (!writer.Add(id)) {
      reason = FinishReason::kCancelled;
      break;
    }
    if (writer.hit_stop_string()) break;
    if (was_thinking && writer.in_thinking() && is_guarded && !is_forced) {
      const ThinkingGuard::Verdict verdict = guard.Add(id);
      if (verdict != ThinkingGuard::Verdict::kGoOn) {
        reply.stats.think_closed_by_budget = verdict == ThinkingGuard::Verdict::kBudget;
        reply.stats.think_closed_by_loop = verdict == ThinkingGuard::Verdict::kLoop;
        tokenizer.EncodeTo("\n</think>\n\n", AddedTokens::kRecognise, &forced);
        is_guarded = false;
      }
    }
    if (static_cast<std::int64_t>(reply.ids.size()) >= room) continue;  // nothing follows: no need to run it
    const Position where{position, position, position};
    ++position;
    Batch batch;
    batch.tokens = {&id, 1};
    batch.positions = {&where, 1};
    batch.logits = LogitRows::kLast;
    batch.best = &best;
    if (auto status = decoder.Forward(batch, &m.state, lease.scratch(), lease.ops()); !status.ok())
      return status.error();
    m.state.CommitAll();
    m.keys.push_back(static_cast<std::uint64_t>(id));
  }
  const ReplyEnd end = reason == FinishReason::kStop ? ReplyEnd::kWhole : ReplyEnd::kCut;
  if (!writer.Finish(end) && reason == FinishReason::kStop) reason = FinishReason::kCancelled;
  reply.stats.seconds = MonotonicSeconds() - writing;
  reply.stats.head = lease.scratch()->screen.counts().Since(counts_before);
  return finish(reason);
}

}  // namespace thimble
