// SPDX-License-Identifier: Apache-2.0
#include "service/desk.h"

#include "base/no_memory.h"
#include "base/text.h"
#include "service/prepare.h"
#include "sys/machine.h"

#include <algorithm>
#include <array>
#include <utility>

namespace thimble::service {

namespace {

constexpr std::size_t kMostTogether = Decoder::kMaxSequences;
// Between two words to those who wait.
constexpr double kTellSeconds = 1.0;
// Where readers of answers are slow, their answers are looked at again so soon.
constexpr double kPollSeconds = 0.02;

Fault ModelFault(const Error& error, const std::string& name) {
  Fault fault = FaultOf(error);
  fault.status = 503;
  fault.code = "model_not_loaded";
  fault.message = Cat("The model ", name, " could not be opened: ", error.message);
  return fault;
}

Fault NoModelHere() {
  return Fault{503, "", "model_not_loaded", "",
               "No model is open here yet: name one, after importing it if there is none."};
}

// Says something to the client. Where memory runs out over it, the answer ends as it is, and only this one.
template <typename Words>
void Say(Job* job, Words&& words) {
  const auto is_said = [](auto&& some) {
    return ExhaustedIfNoMemory([&]() -> Status {
             some();
             return Done{};
           })
        .ok();
  };
  if (job->is_cancelled || is_said(words)) return;
  job->is_cancelled = true;
  is_said([&] { job->sink->End(); });
}

// To who was stopped before the first token.
void EndWithoutWords(AnswerWriter* writer) {
  Reply reply;
  reply.finish_reason = FinishReason::kCancelled;
  writer->Start(0, 0);
  writer->End(reply);
}

}  // namespace

Desk::Desk(DeskOptions options, ModelShelf* shelf, std::function<void()> wake)
    : options_(std::move(options)),
      shelf_(shelf),
      wake_(std::move(wake)),
      pool_(static_cast<std::size_t>(options_.parallel)),
      last_active_(MonotonicSeconds()) {
  active_.reserve(kMostTogether);
  const MutexLock lock(&mutex_);
  wanted_ = options_.model;
}

std::optional<Fault> Desk::Admit(const std::shared_ptr<Job>& job) {
  const std::string& name = job->ask.model;
  const std::vector<ShelfModel> models = shelf_->List();
  const bool is_here =
      std::any_of(models.begin(), models.end(), [&](const ShelfModel& model) { return model.name == name; });
  const MutexLock lock(&mutex_);
  if (options_.is_strict && !name.empty() && !is_here && name != wanted_)
    return Fault{404, "", "model_not_found", "model", Cat("There is no model ", name, " here.")};
  if (is_here && name != wanted_) {
    if (auto fault = BusyFault(name); fault.has_value()) return fault;
    previous_ = std::exchange(wanted_, name);
  }
  if (wanted_.empty()) return NoModelHere();
  if (jobs_.size() >= static_cast<std::size_t>(options_.parallel + options_.queue))
    return Fault{429, "", "queue_full", "", "Too many requests are waiting already. Try again in a few seconds."};
  jobs_.emplace(job->id, job);
  state_.waiting = jobs_.size() - state_.active;
  return std::nullopt;
}

std::optional<Fault> Desk::BusyFault(const std::string& name) const {
  if (jobs_.empty()) return std::nullopt;
  return Fault{409, "", "model_busy", "model",
               Cat("The model ", wanted_, " is answering others; ", name, " can be opened when they are done.")};
}

std::optional<Fault> Desk::Switch(const std::string& name) {
  const std::vector<ShelfModel> models = shelf_->List();
  const bool is_here =
      std::any_of(models.begin(), models.end(), [&](const ShelfModel& model) { return model.name == name; });
  {
    const MutexLock lock(&mutex_);
    if (!is_here && name != wanted_)
      return Fault{404, "", "model_not_found", "model", Cat("There is no model ", name, " here.")};
    if (name != wanted_) {
      if (state_.is_opening) {
        return Fault{409, "", "model_busy", "model",
                     Cat("The model ", wanted_, " is being opened; ", name, " can be opened when that is done.")};
      }
      if (auto fault = BusyFault(name); fault.has_value()) return fault;
      previous_ = std::exchange(wanted_, name);
    }
    opens_soon_ = state_.live == nullptr || state_.live->name != name;
    closes_soon_ = false;
  }
  wake_();
  return std::nullopt;
}

std::optional<Fault> Desk::Unload() {
  {
    const MutexLock lock(&mutex_);
    if (!jobs_.empty() || state_.is_opening || opens_soon_) {
      return Fault{409, "", "model_busy", "",
                   Cat("The model ", wanted_, jobs_.empty() ? " is being opened." : " is answering; stop that first.")};
    }
    closes_soon_ = state_.live != nullptr;
  }
  wake_();
  return std::nullopt;
}

bool Desk::Forget(const std::string& name) {
  const MutexLock lock(&mutex_);
  if (state_.live != nullptr && state_.live->name == name) return false;
  if (name != wanted_) return true;
  if (!options_.model.empty() || !jobs_.empty() || state_.is_opening || opens_soon_) return false;
  wanted_.clear();
  return true;
}

void Desk::Ready(std::shared_ptr<Job> job) {
  job->told_at = MonotonicSeconds();
  {
    const MutexLock lock(&mutex_);
    waiting_.push_back(std::move(job));
  }
  wake_();
}

void Desk::Leave(const Job& job) { Remove(job); }

void Desk::Remove(const Job& job) {
  const MutexLock lock(&mutex_);
  jobs_.erase(job.id);
  state_.waiting = jobs_.size() - std::min(jobs_.size(), state_.active);
}

void Desk::Cancel(RequestId id) {
  {
    const MutexLock lock(&mutex_);
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    it->second->is_cancelled = true;
    if (it->second->generation != nullptr) it->second->generation->Cancel();
  }
  wake_();
}

void Desk::Stop(RequestId id) {
  {
    const MutexLock lock(&mutex_);
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    it->second->is_stopped = true;
    if (it->second->generation != nullptr) it->second->generation->Cancel();
  }
  wake_();
}

void Desk::Close() {
  std::deque<std::shared_ptr<Job>> waiting;
  {
    const MutexLock lock(&mutex_);
    waiting.swap(waiting_);
  }
  for (const auto& job : active_) {
    Finish(job.get());
    Remove(*job);
  }
  active_.clear();
  for (const auto& job : waiting) {
    Say(job.get(), [&] { EndWithoutWords(job->writer.get()); });
    Remove(*job);
  }
}

std::shared_ptr<LiveModel> Desk::live() const {
  const MutexLock lock(&mutex_);
  return state_.live;
}

DeskState Desk::State() const {
  const MutexLock lock(&mutex_);
  DeskState state = state_;
  state.model = wanted_;
  return state;
}

double Desk::PumpDue() const {
  if (!active_.empty()) return kPollSeconds;
  const MutexLock lock(&mutex_);
  if (!waiting_.empty()) return kTellSeconds;
  if (options_.idle_seconds <= 0 || state_.live == nullptr) return 60;
  return std::max(0.1, last_active_ + options_.idle_seconds - MonotonicSeconds());
}

bool Desk::Pump() {
  if (OpenModel()) return true;
  StartWaiting();
  TellWaiting();
  const bool has_more = StepActive();
  FinishDone();
  const MutexLock lock(&mutex_);
  const bool is_idle = jobs_.empty() && active_.empty();
  if (!is_idle) last_active_ = MonotonicSeconds();
  return has_more || (!waiting_.empty() && state_.live == nullptr);
}

std::optional<std::string> Desk::ToOpen() {
  const bool opens = std::exchange(opens_soon_, false);
  const bool closes = std::exchange(closes_soon_, false) && jobs_.empty();
  const bool is_first = state_.live == nullptr && !state_.failure.has_value() && state_.loading == 0;
  if (state_.live != nullptr && state_.live->name == wanted_) {
    const bool is_idle =
        options_.idle_seconds > 0 && jobs_.empty() && MonotonicSeconds() - last_active_ > options_.idle_seconds;
    return is_idle || closes ? std::optional<std::string>("") : std::nullopt;
  }
  if (!is_first && !opens && waiting_.empty()) return std::nullopt;  // nobody needs one
  if (wanted_.empty() && state_.live == nullptr) return std::nullopt;
  return wanted_;
}

// True: it has done its thing.
bool Desk::OpenModel() {
  std::string name;
  {
    const MutexLock lock(&mutex_);
    auto to_open = ToOpen();
    if (!to_open.has_value()) return false;
    name = std::move(*to_open);
    state_.is_opening = !name.empty();
  }
  CloseModel();
  if (name.empty()) return true;
  auto opened = Open(name);
  std::string before;
  if (!opened.ok()) {
    {
      const MutexLock lock(&mutex_);
      before = std::exchange(previous_, "");
      if (!before.empty()) wanted_ = before;
      state_.failure = opened.error();
      state_.failed_model = name;
      state_.failed_why = opened.error().message;
      state_.failed_code = opened.error().code;
    }
    FailAll(ModelFault(opened.error(), name));
    if (!before.empty()) opened = Open(before);
  }
  const MutexLock lock(&mutex_);
  last_active_ = MonotonicSeconds();
  previous_.clear();
  state_.is_opening = false;
  state_.loading = opened.ok() ? 1 : 0.001;  // it was tried
  if (opened.ok()) {
    state_.live = std::move(opened).value();
    state_.was_open = true;
    state_.failure.reset();
    if (state_.failed_model == state_.live->name) state_.failed_model.clear();
  }
  return true;
}

Result<std::shared_ptr<LiveModel>> Desk::Open(const std::string& name) {
  double told = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(auto engine, shelf_->Open(name, [&](double share) {
    {
      const MutexLock lock(&mutex_);
      state_.loading = std::max(share, 0.001);
    }
    if (MonotonicSeconds() - told > kTellSeconds) {
      told = MonotonicSeconds();
      TellWaiting();
    }
    return true;
  }));
  return std::make_shared<LiveModel>(name, std::move(engine));
}

void Desk::CloseModel() {
  pool_.Clear();
  std::shared_ptr<LiveModel> closed;
  const MutexLock lock(&mutex_);
  closed = std::move(state_.live);
  state_.live = nullptr;
  if (closed != nullptr) state_.loading = 0.001;
  for (const auto& job : waiting_) job->prepared_for.reset();
}

// Answers that nobody takes stand aside, so that those who wait need not wait for them too.
void Desk::StartWaiting() {
  const auto takes_place = [](const std::shared_ptr<Job>& job) { return job->is_cancelled || !job->sink->IsFull(); };
  auto num_taken = static_cast<std::size_t>(std::count_if(active_.begin(), active_.end(), takes_place));
  for (; num_taken < static_cast<std::size_t>(options_.parallel) && active_.size() < kMostTogether; ++num_taken) {
    std::shared_ptr<Job> job;
    {
      const MutexLock lock(&mutex_);
      if (state_.live == nullptr || waiting_.empty()) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (!Start(job)) return;
  }
}

bool Desk::Start(const std::shared_ptr<Job>& job) {
  const auto model = live();
  bool is_too_early = false;
  const auto begin = [&]() -> OrFault<Done> {
    if (job->prepared_for != model) THIMBLE_RETURN_IF_ERROR(PrepareFor(model, options_.filter_for, job.get()));
    auto session = pool_.Take(*model->engine, *job->prompt);
    // Where others end, there will be memory.
    is_too_early = !session.ok() && session.error().code == Code::kExhausted && !active_.empty();
    if (!session.ok()) return session.error();
    job->session = std::move(session).value();
    job->prompt.reset();  // Generation builds its own
    job->ask.generate.top_logprobs = job->ask.top_logprobs;
    auto generation = Generation::Start(job->session.get(), std::move(job->ask.generate),
                                        [this, raw = job.get()](const Event& event) { return Tell(raw, event); });
    if (!generation.ok()) return generation.error();
    const MutexLock lock(&mutex_);
    job->generation = std::move(generation).value();
    if (job->is_cancelled || job->is_stopped) job->generation->Cancel();
    return Done{};
  };
  job->began = MonotonicSeconds();
  const OrFault<Done> begun = job->is_cancelled ? OrFault<Done>(Done{}) : begin();
  if (begun.ok() && job->generation != nullptr) {
    active_.push_back(job);
    const MutexLock lock(&mutex_);
    state_.active = active_.size();
    return true;
  }
  if (is_too_early) {
    const MutexLock lock(&mutex_);
    waiting_.push_front(job);
    return false;
  }
  if (!begun.ok()) Say(job.get(), [&] { job->writer->Fail(begun.error()); });
  pool_.GiveBack(std::move(job->session));
  Remove(*job);
  return true;
}

// Whoever waits hears each second at which place; who has gone away makes room.
void Desk::TellWaiting() {
  std::vector<std::pair<std::shared_ptr<Job>, std::int64_t>> to_tell;
  std::vector<std::shared_ptr<Job>> gone;
  {
    const MutexLock lock(&mutex_);
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (!(*it)->is_cancelled && !(*it)->is_stopped) {
        ++it;
        continue;
      }
      gone.push_back(std::move(*it));
      jobs_.erase(gone.back()->id);
      ++state_.cancelled;
      it = waiting_.erase(it);
    }
    state_.waiting = jobs_.size() - std::min(jobs_.size(), state_.active);
    std::int64_t place = 0;
    for (const auto& job : waiting_) {
      ++place;
      if (MonotonicSeconds() - job->told_at < kTellSeconds) continue;
      job->told_at = MonotonicSeconds();
      to_tell.emplace_back(job, place);
    }
  }
  for (const auto& job : gone) Say(job.get(), [&] { EndWithoutWords(job->writer.get()); });
  for (const auto& [job, place] : to_tell) Say(job.get(), [&] { job->writer->Wait(place); });
}

bool Desk::StepActive() {
  std::array<Generation*, kMostTogether> some;
  std::size_t count = 0;
  for (const auto& job : active_) {
    // An answer that nobody takes does not hold up the others; its own pass waits until there is room.
    if (job->is_cancelled || !job->sink->IsFull()) some[count++] = job->generation.get();
  }
  if (count == 0) return false;
  const double deadline = options_.step_seconds > 0 ? MonotonicSeconds() + options_.step_seconds : 0;
  Generation::StepTogether(std::span(some).first(count), deadline);
  const MutexLock lock(&mutex_);
  ++state_.passes;
  state_.pass_rows += count;
  return true;
}

void Desk::FinishDone() {
  for (std::size_t i = 0; i < active_.size();) {
    if (!active_[i]->generation->is_done()) {
      ++i;
      continue;
    }
    const std::shared_ptr<Job> job = std::move(active_[i]);
    active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    {
      const MutexLock lock(&mutex_);
      state_.active = active_.size();
    }
    Finish(job.get());
    Remove(*job);
  }
}

void Desk::Finish(Job* job) {
  auto reply = job->generation->Finish();
  std::unique_ptr<Generation> ended;
  {
    const MutexLock lock(&mutex_);
    ended = std::move(job->generation);
    ++(job->is_cancelled || job->is_stopped ? state_.cancelled : state_.answered);
    if (reply.ok()) {
      const GenerateStats& stats = reply.value().stats;
      state_.prompt_tokens += static_cast<std::uint64_t>(std::max(0, stats.prompt_tokens - stats.reused_tokens));
      state_.cached_tokens += static_cast<std::uint64_t>(stats.reused_tokens);
      state_.most_tokens = std::max(state_.most_tokens, static_cast<std::uint64_t>(stats.prompt_tokens + stats.tokens));
      state_.tokens += static_cast<std::uint64_t>(stats.tokens);
      state_.prompt_seconds += stats.prompt_seconds;
      state_.seconds += stats.seconds;
    }
  }
  ended.reset();
  pool_.GiveBack(std::move(job->session));
  Say(job, [&] {
    if (!reply.ok()) {
      job->writer->Fail(FaultOf(reply.error()));
      return;
    }
    Reply& whole = reply.value();
    whole.stats.dropped_messages = job->dropped_messages;
    whole.stats.dropped_tokens = job->dropped_tokens;
    if (!job->has_started) job->writer->Start(whole.stats.prompt_tokens, whole.stats.reused_tokens);
    job->writer->End(whole);
  });
}

// Called in the middle of Step, on Pump's thread.
bool Desk::Tell(Job* job, const Event& event) const {
  Say(job, [&] { TellEvent(job, event); });
  return !job->is_cancelled;
}

void Desk::TellEvent(Job* job, const Event& event) const {
  AnswerWriter& writer = *job->writer;
  const auto note = [&] {
    if (job->ask.wants_timings) writer.Note(job->generation->StatsSoFar());
  };
  switch (event.kind) {
    case Event::Kind::kPromptProgress:
      if (!std::exchange(job->has_started, true)) writer.Start(event.prompt_tokens, event.known_tokens);
      if (job->ask.wants_progress) {
        writer.Progress(event.prompt_tokens, event.known_tokens, event.read_tokens, MonotonicSeconds() - job->began);
      }
      break;
    case Event::Kind::kToken: {
      const Tokenizer& tokenizer = job->prepared_for->engine->tokenizer();
      TokenLogprob token;
      token.bytes = tokenizer.TokenBytes(event.token.id);
      token.logprob = event.token.logprob;
      for (const auto& [id, logprob] : event.token.top) token.top.emplace_back(tokenizer.TokenBytes(id), logprob);
      job->held.push_back(std::move(token));
      break;
    }
    case Event::Kind::kReply:
      note();
      // Tokens of reasoning are none of the answer's.
      if (event.reply.kind != ReplyEvent::Kind::kThinking) {
        for (const TokenLogprob& token : job->held) writer.Write(token);
      }
      job->held.clear();
      writer.Write(event.reply);
      break;
    default:
      break;
  }
}

void Desk::FailAll(const Fault& fault) {
  std::deque<std::shared_ptr<Job>> failed;
  {
    const MutexLock lock(&mutex_);
    failed.swap(waiting_);
  }
  for (const auto& job : failed) {
    Say(job.get(), [&] { job->writer->Fail(fault); });
    Remove(*job);
  }
}

}  // namespace thimble::service
