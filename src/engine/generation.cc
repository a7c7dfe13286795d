// SPDX-License-Identifier: Apache-2.0
#include "engine/generation.h"

#include "base/check.h"
#include "base/no_memory.h"
#include "base/text.h"
#include "engine/engine_parts.h"
#include "engine/prompt.h"
#include "engine/reading.h"
#include "engine/session_memory.h"
#include "engine/writing.h"
#include "sys/machine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace thimble {

namespace {

Error Cancelled() { return Error{Code::kCancelled, "[session] cancelled"}; }

Status CheckBias(const GenerateRequest& request, int vocab) {
  for (const auto& [id, bias] : request.logit_bias) {
    (void)bias;
    if (id < 0 || id >= vocab)
      return Error{Code::kInvalid, Cat("[request] logit bias for token ", id, ", the vocabulary has ", vocab)};
  }
  return Done{};
}

}  // namespace

// A reply on its way: it is told of its pictures, reads, writes, and is done. Being cancelled is no error, but a reason
// to end.
struct Generation::Work {
  enum class Phase { kStart, kReading, kWriting, kDone };

  Work(Session::Memory* memory, std::shared_ptr<const GenerateRequest> what, Sink listener,
       const std::atomic<bool>* stop_flag)
      : busy(&memory->is_busy),
        m(*memory),
        engine(*memory->parts),
        request(std::move(what)),
        sink(std::move(listener)),
        stop(stop_flag) {}

  Status Prepare() {
    THIMBLE_RETURN_IF_ERROR(CheckBias(*request, engine.config.vocab));
    THIMBLE_ASSIGN_OR_RETURN(prompt, BuildPrompt(engine.prompts, *request));
    const auto total = static_cast<std::int64_t>(prompt.ids.size());
    room = std::min<std::int64_t>(request->max_tokens > 0 ? request->max_tokens : engine.prompts.context,
                                  engine.prompts.context - total);
    reply.prompt_ids = prompt.ids;
    reply.pictures = prompt.readings;
    reply.stats.load_seconds = engine.load_seconds;
    reply.stats.prompt_tokens = static_cast<int>(total);
    last_step = engine.num_steps++;
    return Done{};
  }

  // Runs `step`; whatever ends the reply early ends it here.
  template <typename F>
  void Guarded(F&& step) {
    Status status = is_stopped() ? Status(Cancelled()) : ExhaustedIfNoMemory(std::forward<F>(step));
    if (!status.ok()) Fail(std::move(status));
  }
  void Fail(Status status) {
    if (phase == Phase::kDone) return;
    reply.finish_reason = FinishReason::kCancelled;
    if (status.error().code != Code::kCancelled) error = std::move(status);
    End();
  }
  void End() {
    const bool has_written = phase == Phase::kWriting;
    phase = Phase::kDone;
    writing_scope.reset();
    if (!has_written) return;
    // What was held back is given out even where the reply failed.
    const Status last = ExhaustedIfNoMemory([&]() -> Status {
      writing->Finish(sink);
      return Done{};
    });
    if (error.ok() && !last.ok()) error = last;
    reply.stats.seconds = MonotonicSeconds() - writing_began;
  }

  [[nodiscard]] bool is_stopped() const { return stop->load(std::memory_order_relaxed); }

  bool Tell(const Event& event) const { return !sink || sink(event); }
  Status TellProgress(double share) const {
    Event event;
    event.kind = Event::Kind::kPromptProgress;
    event.share = share;
    event.prompt_tokens = reply.stats.prompt_tokens;
    event.known_tokens = reply.stats.reused_tokens;
    event.read_tokens = reading.has_value() ? m.state.length() : event.prompt_tokens;
    return Tell(event) ? Status(Done{}) : Status(Cancelled());
  }
  Status TellOfPictures() const {
    Event event;
    event.kind = Event::Kind::kPictures;
    event.pictures = prompt.readings;
    return prompt.readings.empty() || Tell(event) ? Status(Done{}) : Status(Cancelled());
  }

  Status Read(double deadline) {
    if (phase == Phase::kStart) {
      THIMBLE_RETURN_IF_ERROR(TellOfPictures());
      began = MonotonicSeconds();
      reading.emplace(&m, &prompt, std::span(request->pictures), &reply.stats);
      m.keys.reserve(prompt.ids.size() + static_cast<std::size_t>(room) + 1);
      phase = Phase::kReading;
    }
    THIMBLE_RETURN_IF_ERROR(TellProgress(reading->share()));
    bool has_more = true;
    {
      THIMBLE_ASSIGN_OR_RETURN(const auto lease, Lease::Take(&engine, stop));
      const double begin = ProcessorSeconds();
      std::function<bool()> goes_on;
      if (deadline > 0) goes_on = [deadline] { return MonotonicSeconds() < deadline; };
      THIMBLE_ASSIGN_OR_RETURN(has_more, reading->Step(*lease, goes_on));
      reading_cpu_seconds += ProcessorSeconds() - begin;
      reply.stats.cpu_seconds = reading_cpu_seconds;
      if (!has_more) BeginWriting(lease->scratch()->logits().RowSpan(0));
    }
    if (has_more) return Done{};
    THIMBLE_RETURN_IF_ERROR(TellProgress(1.0));
    return Take();
  }

  void BeginWriting(std::span<float> logits) {
    reply.stats.prompt_seconds = MonotonicSeconds() - began;
    reading.reset();
    writing.emplace(&m, *request, prompt, room, &reply);
    writing_began = MonotonicSeconds();
    phase = Phase::kWriting;
    writing_scope.emplace(&engine.workshop);
    writing->ChooseFirst(logits);
  }

  Status Take() {
    if (is_stopped()) return Cancelled();
    if (reply.ids.empty()) reply.stats.first_token_seconds = MonotonicSeconds() - began;
    if (!writing->Take(sink)) End();
    return Done{};
  }

  // What became of the rows that the workshop ran.
  Status AfterRun(const SharedRows& rows) {
    reply.stats.cpu_seconds = reading_cpu_seconds + rows.cpu_seconds;
    THIMBLE_RETURN_IF_ERROR(rows.status);
    return rows.is_left ? Status(Done{}) : Take();
  }

  const BusyScope busy;
  Session::Memory& m;
  EngineParts& engine;
  std::shared_ptr<const GenerateRequest> request;
  Sink sink;
  const std::atomic<bool>* stop;
  Phase phase = Phase::kStart;
  Status error = Done{};
  Prompt prompt;
  Reply reply;
  std::int64_t room = 0;  // tokens that may be written
  std::optional<Reading> reading;
  std::optional<Writing> writing;
  std::optional<Workshop::WritingScope> writing_scope;
  double began = 0;
  double writing_began = 0;
  double reading_cpu_seconds = 0;
  std::uint64_t last_step = 0;  // in the order of all steps of this engine
};

Generation::Generation(std::unique_ptr<Work> work) : work_(std::move(work)) {}
Generation::~Generation() = default;

Result<std::unique_ptr<Generation>> Generation::Start(Session* session, GenerateRequest request, Sink sink) {
  return ExhaustedIfNoMemory([&] {
    return Start(session, std::make_shared<const GenerateRequest>(std::move(request)), std::move(sink), nullptr);
  });
}

Result<std::unique_ptr<Generation>> Generation::Start(Session* session, std::shared_ptr<const GenerateRequest> request,
                                                      Sink sink, const std::atomic<bool>* stop) {
  auto work = std::make_unique<Work>(session->memory_.get(), std::move(request), std::move(sink), stop);
  THIMBLE_RETURN_IF_ERROR(work->busy.status());
  THIMBLE_RETURN_IF_ERROR(work->Prepare());
  std::unique_ptr<Generation> generation(new Generation(std::move(work)));
  if (stop == nullptr) generation->work_->stop = &generation->is_cancelled_;
  return generation;
}

bool Generation::is_done() const { return work_->phase == Work::Phase::kDone; }

GenerateStats Generation::StatsSoFar() const {
  GenerateStats stats = work_->reply.stats;
  stats.tokens = static_cast<int>(work_->reply.ids.size());
  if (work_->phase == Work::Phase::kWriting) stats.seconds = MonotonicSeconds() - work_->writing_began;
  return stats;
}

bool Generation::Step(double deadline) {
  Generation* self = this;
  return StepTogether({&self, 1}, deadline);
}

bool Generation::StepTogether(std::span<Generation* const> generations, double deadline) {
  THIMBLE_CHECK(generations.size() <= Decoder::kMaxSequences);
  std::array<Work*, Decoder::kMaxSequences> writers;
  std::array<SharedRows*, Decoder::kMaxSequences> rows;
  std::size_t num_writers = 0;
  Work* reader = nullptr;
  for (Generation* generation : generations) {
    Work& work = *generation->work_;
    if (work.phase == Work::Phase::kWriting) {
      work.Guarded([&]() -> Status {
        rows[num_writers] = work.writing->Rows(deadline, work.stop);
        writers[num_writers++] = &work;
        return Done{};
      });
    } else if (work.phase != Work::Phase::kDone && (reader == nullptr || work.last_step < reader->last_step)) {
      reader = &work;
    }
  }
  if (num_writers > 0) {
    EngineParts& engine = writers[0]->engine;
    for (std::size_t i = 0; i < num_writers; ++i) THIMBLE_CHECK(&writers[i]->engine == &engine);
    engine.workshop.Run(&engine, std::span(rows).first(num_writers));
    for (std::size_t i = 0; i < num_writers; ++i) writers[i]->Guarded([&] { return writers[i]->AfterRun(*rows[i]); });
  }
  if (reader != nullptr) {
    reader->last_step = reader->engine.num_steps++;
    reader->Guarded([&] { return reader->Read(deadline); });
  }
  return std::any_of(generations.begin(), generations.end(), [](const Generation* one) { return !one->is_done(); });
}

Result<Reply> Generation::Finish() {
  Work& work = *work_;
  if (work.phase != Work::Phase::kDone) work.Fail(Cancelled());
  if (!work.error.ok()) return work.error.error();
  work.reply.stats.tokens = static_cast<int>(work.reply.ids.size());
  work.reply.stats.peak_rss_bytes = PeakResidentBytes();
  return std::move(work.reply);
}

Result<Reply> Session::Generate(const GenerateRequest& request, const Sink& sink) {
  auto reply = ExhaustedIfNoMemory([&]() -> Result<Reply> {
    // Neither is copied: both outlive the generation.
    const std::shared_ptr<const GenerateRequest> lent(std::shared_ptr<void>(), &request);
    const Sink listener = sink ? Sink(std::ref(sink)) : Sink();
    THIMBLE_ASSIGN_OR_RETURN(const auto generation, Generation::Start(this, lent, listener, &is_cancelled_));
    while (generation->Step()) {
    }
    return generation->Finish();
  });
  is_cancelled_.store(false, std::memory_order_relaxed);  // this one has ended
  return reply;
}

}  // namespace thimble
