// SPDX-License-Identifier: Apache-2.0
#include "measure/sessions.h"

#include "base/rng.h"
#include "base/text.h"
#include "engine/session.h"
#include "sys/machine.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

namespace thimble {

namespace {

constexpr int kShortPrompt = 8;
constexpr int kLongPrompt = 2048;

// A prompt of tokens that are random and always the same.
GenerateRequest RequestOf(const Engine& engine, int prompt, int tokens, std::uint64_t seed) {
  PromptIds tokens_read;
  const auto words = static_cast<std::uint64_t>(engine.tokenizer().num_ids());
  for (int i = 0; i < prompt; ++i) {
    const std::uint64_t bits = RandomBits(seed, static_cast<std::uint64_t>(i));
    tokens_read.ids.push_back(static_cast<std::int32_t>(bits % std::min<std::uint64_t>(words, 1000)));
  }
  GenerateRequest request;
  request.prompt = std::move(tokens_read);
  request.sampling.temperature = 0.0;
  request.ignore_eos = true;
  request.max_tokens = tokens;
  return request;
}

// One session that writes: when its tokens came, and which they were.
struct Writer {
  std::vector<double> times;
  std::vector<std::int32_t> ids;
  std::optional<Error> error;

  void Run(Session* session, const GenerateRequest& request, const std::function<bool()>& goes_on) {
    times.clear();
    session->Clear();
    auto reply = session->Generate(request, [&](const Event& event) {
      if (event.kind == Event::Kind::kReply) times.push_back(MonotonicSeconds());
      return goes_on();
    });
    if (reply.ok()) ids = std::move(reply.value().ids);
    if (!reply.ok()) error = reply.error();
  }
};

class Measurement {
 public:
  Measurement(std::shared_ptr<const Engine> engine, int count, int tokens, std::function<bool()> goes_on)
      : engine_(std::move(engine)), goes_on_(std::move(goes_on)) {
    requests_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
      requests_.push_back(RequestOf(*engine_, kShortPrompt, tokens, static_cast<std::uint64_t>(i) + 1));
  }

  Status Prepare() {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      THIMBLE_ASSIGN_OR_RETURN(auto session, engine_->NewSession());
      sessions_.push_back(std::move(session));
    }
    return Done{};
  }

  // Tokens per second of the first `count` sessions at once.
  Result<double> Together(std::size_t count) {
    std::vector<Writer> writers(count);
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 1; i < count; ++i)
      threads.emplace_back([&, i] { writers[i].Run(sessions_[i].get(), requests_[i], goes_on_); });
    writers[0].Run(sessions_[0].get(), requests_[0], goes_on_);
    for (std::thread& thread : threads) thread.join();
    double first = writers[0].times.empty() ? 0 : writers[0].times.front();
    double last = first;
    int written = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Writer& writer = writers[i];
      if (writer.error.has_value()) return *writer.error;
      if (!goes_on_()) return Error{Code::kCancelled, "[bench] cancelled"};
      THIMBLE_RETURN_IF_ERROR(Compare(i, writer.ids));
      if (writer.times.empty()) continue;
      first = std::min(first, writer.times.front());
      last = std::max(last, writer.times.back());
      written += static_cast<int>(writer.ids.size());
    }
    // Between the first token and the last lie all but the first.
    return last > first ? (written - 1) / (last - first) : 0.0;
  }

  // Longest time between two tokens of a session that writes while the first one reads a prompt of `length` tokens.
  Result<double> LongestGap(int length) {
    THIMBLE_ASSIGN_OR_RETURN(const auto reader, engine_->NewSession());
    std::atomic<bool> is_read{false};
    std::atomic<int> num_begun{0};
    std::vector<Writer> writers(sessions_.size() - 1);
    std::vector<std::thread> threads;
    threads.reserve(writers.size());
    for (std::size_t i = 0; i < writers.size(); ++i) {
      threads.emplace_back([&, i] {
        GenerateRequest request = requests_[i];
        request.max_tokens = 0;
        bool has_begun = false;
        writers[i].Run(sessions_[i].get(), request, [&] {
          if (!has_begun && !writers[i].times.empty()) ++num_begun;
          has_begun = has_begun || !writers[i].times.empty();
          return !is_read && goes_on_();
        });
        if (!has_begun) ++num_begun;
      });
    }
    while (num_begun < static_cast<int>(writers.size()) && goes_on_()) std::this_thread::yield();
    const double begin = MonotonicSeconds();
    const auto reply = reader->Generate(RequestOf(*engine_, length, 1, 99), [&](const Event&) { return goes_on_(); });
    const double end = MonotonicSeconds();
    is_read = true;
    for (std::thread& thread : threads) thread.join();
    if (!reply.ok()) return reply.error();
    double longest = 0;
    for (const Writer& writer : writers) {
      if (writer.error.has_value()) return *writer.error;
      for (std::size_t i = 1; i < writer.times.size(); ++i) {
        if (writer.times[i] >= begin && writer.times[i - 1] <= end)
          longest = std::max(longest, writer.times[i] - writer.times[i - 1]);
      }
    }
    return longest;
  }

 private:
  Status Compare(std::size_t session, const std::vector<std::int32_t>& ids) {
    if (wanted_.size() <= session) wanted_.resize(session + 1);
    if (wanted_[session].empty()) wanted_[session] = ids;
    if (wanted_[session] == ids) return Done{};
    return Error{Code::kSystem, Cat("[bench] session ", session + 1, " wrote other tokens than before: report this")};
  }

  std::shared_ptr<const Engine> engine_;
  std::function<bool()> goes_on_;
  std::vector<GenerateRequest> requests_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::vector<std::int32_t>> wanted_;  // of each session
};

}  // namespace

Result<SessionsReport> MeasureSessions(const std::shared_ptr<const Engine>& engine, int count, int tokens, int rounds,
                                       const std::function<bool()>& goes_on,
                                       const std::function<void(double)>& progress) {
  if (kShortPrompt + tokens > engine->context()) {
    return Error{Code::kExhausted, Cat("[bench] a context of ", engine->context(), " tokens, but ",
                                       kShortPrompt + tokens, " are needed for --sessions with this --decode")};
  }
  SessionsReport report;
  report.count = count;
  Measurement measurement(engine, count, tokens, goes_on);
  THIMBLE_RETURN_IF_ERROR(measurement.Prepare());
  for (int round = 0; round <= rounds; ++round) {
    THIMBLE_ASSIGN_OR_RETURN(const double one, measurement.Together(1));
    THIMBLE_ASSIGN_OR_RETURN(const double all, measurement.Together(static_cast<std::size_t>(count)));
    if (round > 0) {
      report.one.push_back(one);
      report.all.push_back(all);
    }
    progress((round + 1.0) / (rounds + 2.0));
  }
  report.gap_prompt = std::min(kLongPrompt, engine->context() - 1);
  if (count > 1) {
    THIMBLE_ASSIGN_OR_RETURN(const double seconds, measurement.LongestGap(report.gap_prompt));
    report.longest_gap_ms = 1000 * seconds;
  }
  return report;
}

}  // namespace thimble
