// SPDX-License-Identifier: Apache-2.0
#include "service/kept_answers.h"

#include "base/text.h"

#include <algorithm>
#include <utility>

namespace thimble::service {

namespace {

constexpr std::size_t kMostNameBytes = 128;
// Handed over at once.
constexpr std::size_t kBatchBytes = std::size_t{64} << 10;
// A reader that had no room is looked at again so soon.
constexpr double kLagSeconds = 0.02;
constexpr double kRestSeconds = 60;

Fault NoAnswer() {
  return Fault{404, "", "answer_not_found", "", "There is no such answer here, or it ended some minutes ago."};
}

// What a reader that fell too far behind gets in place of what it missed.
constexpr std::string_view kGap =
    "data: {\"error\":{\"message\":\"This reader fell behind what is kept of the answer.\",\"type\":\"server_error\","
    "\"param\":null,\"code\":\"answer_gap\"}}\n\n";

}  // namespace

// What one reader gets next.
struct KeptAnswer::Batch {
  bool begins = false;  // with these:
  int status = 0;
  std::vector<Header> headers;
  std::string bytes;
  bool ends = false;

  [[nodiscard]] bool IsEmpty() const { return !begins && bytes.empty() && !ends; }
};

// The one delivery of an answer that is under way; over with this, also where memory ran out in it.
struct KeptAnswer::Turn {
  explicit Turn(KeptAnswer* its_answer) : answer(its_answer) {}
  ~Turn() {
    if (!is_held) return;
    const MutexLock lock(&answer->mutex_);
    answer->is_delivering_ = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  KeptAnswer* answer;
  bool is_held = true;
};

void KeptAnswer::Begin(int status, std::vector<Header> headers) {
  {
    const MutexLock lock(&mutex_);
    has_begun_ = true;
    status_ = status;
    headers_ = std::move(headers);
  }
  Deliver();
}

void KeptAnswer::Part(std::string_view bytes) {
  {
    const MutexLock lock(&mutex_);
    if (bytes.starts_with(':')) {
      comment_ = bytes;
      ++num_comments_;
    } else {
      events_.emplace_back(bytes);
      bytes_ += bytes.size();
      while (bytes_ > most_bytes_ && events_.size() > 1) {
        bytes_ -= events_.front().size();
        events_.pop_front();
        ++first_;
      }
    }
  }
  Deliver();
}

void KeptAnswer::End() {
  {
    const MutexLock lock(&mutex_);
    if (!ended_at_.has_value()) ended_at_ = clock_();
  }
  Deliver();
}

OrFault<Done> KeptAnswer::Read(RequestId reader, std::uint64_t from, std::shared_ptr<AnswerSink> sink) {
  {
    const MutexLock lock(&mutex_);
    const std::uint64_t end = first_ + events_.size();
    if (from < first_) {
      return Fault{410, "", "answer_gap", "from",
                   Cat("Of this answer the events from number ", first_, " on are kept, found from=", from, ".")};
    }
    if (from > end) {
      return Fault{400, "", "", "from", Cat("This answer has ", end, " events so far, found from=", from, ".")};
    }
    auto added = std::make_shared<Reader>();
    added->id = reader;
    added->sink = std::move(sink);
    added->next = from;
    added->comments = num_comments_;
    readers_.push_back(std::move(added));
  }
  Deliver();
  return Done{};
}

void KeptAnswer::Leave(RequestId reader) {
  const MutexLock lock(&mutex_);
  for (const auto& each : readers_) {
    if (each->id == reader) each->is_over = true;
  }
  std::erase_if(readers_, [](const auto& each) { return each->is_over; });
}

bool KeptAnswer::has_lagging() const {
  const MutexLock lock(&mutex_);
  return std::any_of(readers_.begin(), readers_.end(), [](const auto& reader) { return reader->is_lagging; });
}

std::optional<double> KeptAnswer::ended_at() const {
  const MutexLock lock(&mutex_);
  return ended_at_;
}

bool KeptAnswer::is_worth_keeping() const {
  const MutexLock lock(&mutex_);
  return !has_begun_ || status_ == 200;
}

void KeptAnswer::Deliver() {
  {
    const MutexLock lock(&mutex_);
    has_news_ = true;
    if (is_delivering_) return;  // whoever does it sees to this as well
    is_delivering_ = true;
  }
  Turn turn(this);
  bool lags = false;
  while (true) {
    std::vector<std::shared_ptr<Reader>> readers;
    {
      const MutexLock lock(&mutex_);
      std::erase_if(readers_, [](const auto& each) { return each->is_over; });
      if (!std::exchange(has_news_, false)) {
        is_delivering_ = turn.is_held = false;  // under the lock that news comes under, so that none is missed
        break;
      }
      readers = readers_;
    }
    for (const auto& reader : readers) {
      while (DeliverTo(reader.get(), &lags)) {
      }
    }
  }
  if (lags) wake_();
}

bool KeptAnswer::DeliverTo(Reader* reader, bool* lags) {
  const bool is_full = reader->sink->IsFull();
  Batch batch;
  {
    const MutexLock lock(&mutex_);
    if (reader->is_over) return false;
    const bool has_more = reader->next < first_ + events_.size() || ended_at_.has_value();
    if (is_full && has_more && !std::exchange(reader->is_lagging, true)) *lags = true;
    if (is_full) return false;
    reader->is_lagging = false;
    batch = Next(reader);
  }
  if (batch.begins) reader->sink->Begin(batch.status, std::move(batch.headers));
  if (!batch.bytes.empty()) reader->sink->Part(batch.bytes);
  if (batch.ends) reader->sink->End();
  return batch.begins || (!batch.bytes.empty() && !batch.ends);
}

KeptAnswer::Batch KeptAnswer::Next(Reader* reader) {
  Batch batch;
  if (!has_begun_) return batch;
  if (!std::exchange(reader->has_begun, true)) {
    batch.begins = true;
    batch.status = status_;
    batch.headers = headers_;
  }
  const std::uint64_t end = first_ + events_.size();
  if (reader->next < first_) {
    batch.bytes = kGap;
    batch.ends = reader->is_over = true;
    return batch;
  }
  for (; reader->next < end && batch.bytes.size() < kBatchBytes; ++reader->next)
    batch.bytes += events_[static_cast<std::size_t>(reader->next - first_)];
  if (reader->next < end) return batch;
  if (std::exchange(reader->comments, num_comments_) != num_comments_) batch.bytes += comment_;
  batch.ends = reader->is_over = ended_at_.has_value();
  return batch;
}

KeptAnswers::KeptAnswers(KeptLimits limits, std::function<double()> clock, std::function<void()> wake)
    : limits_(limits), clock_(std::move(clock)), wake_(std::move(wake)) {}

bool KeptAnswers::IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

OrFault<std::shared_ptr<KeptAnswer>> KeptAnswers::Add(const std::string& name, RequestId job) {
  std::vector<Entry> gone;
  std::shared_ptr<KeptAnswer> before;
  auto answer = std::make_shared<KeptAnswer>(limits_.most_bytes, clock_, wake_);
  const MutexLock lock(&mutex_);
  gone = TakeOld();
  if (Entry* const entry = Find(name); entry != nullptr) {
    if (!entry->answer->ended_at().has_value()) {
      return Fault{409, "", "answer_running", "x-conversation-id",
                   "The answer of this name is on its way; GET or DELETE /thimble/v1/answers/ID reads or stops it."};
    }
    before = std::exchange(entry->answer, answer);
    entry->job = job;
    return answer;
  }
  if (entries_.size() >= limits_.most_answers) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const auto ended = it->answer->ended_at();
      if (it->answer->has_lagging()) continue;
      if (ended.has_value() && (oldest == entries_.end() || *ended < *oldest->answer->ended_at())) oldest = it;
    }
    if (oldest == entries_.end())
      return Fault{429, "", "queue_full", "", "Too many answers are on their way already. Try again in a few seconds."};
    gone.push_back(std::move(*oldest));
    entries_.erase(oldest);
  }
  entries_.push_back({name, job, answer});
  return answer;
}

OrFault<Done> KeptAnswers::Read(const std::string& name, std::uint64_t from, RequestId reader,
                                std::shared_ptr<AnswerSink> sink) {
  std::vector<Entry> gone;
  std::shared_ptr<KeptAnswer> answer;
  {
    const MutexLock lock(&mutex_);
    gone = TakeOld();
    if (const Entry* const entry = Find(name); entry != nullptr) answer = entry->answer;
  }
  if (answer == nullptr) return NoAnswer();
  return answer->Read(reader, from, std::move(sink));
}

void KeptAnswers::Leave(RequestId reader) {
  for (const auto& answer : All()) answer->Leave(reader);
}

OrFault<std::optional<RequestId>> KeptAnswers::JobOf(const std::string& name) {
  std::vector<Entry> gone;
  const MutexLock lock(&mutex_);
  gone = TakeOld();
  const Entry* const entry = Find(name);
  if (entry == nullptr) return NoAnswer();
  if (entry->answer->ended_at().has_value()) return std::optional<RequestId>();
  return std::optional<RequestId>(entry->job);
}

void KeptAnswers::Tend() {
  for (const auto& answer : All()) {
    if (answer->has_lagging()) answer->Tend();
  }
  std::vector<Entry> gone;
  const MutexLock lock(&mutex_);
  gone = TakeOld();
}

double KeptAnswers::Due() const {
  double due = kRestSeconds;
  for (const auto& answer : All()) {
    if (answer->has_lagging()) return kLagSeconds;
    if (const auto ended = answer->ended_at(); ended.has_value())
      due = std::min(due, std::max(0.1, *ended + limits_.seconds - clock_()));
  }
  return due;
}

KeptAnswers::Entry* KeptAnswers::Find(const std::string& name) {
  const auto it =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
  return it == entries_.end() ? nullptr : &*it;
}

std::vector<KeptAnswers::Entry> KeptAnswers::TakeOld() {
  const double now = clock_();
  std::vector<Entry> old;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto ended = it->answer->ended_at();
    const bool is_old = ended.has_value() && (now - *ended > limits_.seconds || !it->answer->is_worth_keeping());
    if (is_old && !it->answer->has_lagging()) {
      old.push_back(std::move(*it));
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
  return old;
}

std::vector<std::shared_ptr<KeptAnswer>> KeptAnswers::All() const {
  std::vector<std::shared_ptr<KeptAnswer>> all;
  const MutexLock lock(&mutex_);
  for (const Entry& entry : entries_) all.push_back(entry.answer);
  return all;
}

}  // namespace thimble::service
