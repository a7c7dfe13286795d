// SPDX-License-Identifier: Apache-2.0
#include "engine/reading.h"

#include "model/workload.h"
#include "sys/machine.h"

#include <algorithm>

namespace thimble {

namespace {

// Of a slice of reading while others write, who wait for it: as many as take no longer than this.
constexpr std::int64_t kMostRowsBesideWriters = 128;
constexpr std::int64_t kLeastRows = 64;
constexpr double kSliceSeconds = 0.3;
// Of a pass that may be left between layers: rows of which a layer takes no longer than this.
constexpr double kLayerSeconds = 0.04;
// A checkpoint's recurrent half takes as much memory as many hundred tokens' keys and values, so those between the
// first message's end and the last one's have to be worth it.
constexpr std::int64_t kLeastBetweenBeginnings = 512;

std::int64_t WholeGroups(std::int64_t tokens) { return tokens / PrefixStore::kStride * PrefixStore::kStride; }

}  // namespace

// Tokens that the session holds of the prompt from now on; at least one is left to be read.
std::int64_t Reading::Rewind(Session::Memory* memory, const Prompt& prompt) {
  memory->RewindTo(prompt.keys, static_cast<std::int64_t>(prompt.ids.size()) - 1);
  return memory->state.length();
}

Reading::Reading(Session::Memory* memory, const Prompt* prompt, std::span<const Picture> pictures, GenerateStats* stats)
    : m_(*memory),
      prompt_(*prompt),
      stats_(stats),
      total_(static_cast<std::int64_t>(prompt->ids.size())),
      start_(Rewind(memory, *prompt)),
      pictures_(memory->parts, prompt, pictures, start_) {
  stats_->reused_tokens = static_cast<int>(start_);
  ChooseBeginnings();
  // The pictures' share of the reading, by multiply-adds; 8-bit ones and float ones are taken as equal.
  const EngineParts& engine = *m_.parts;
  const double passes = static_cast<double>(
      PassWorkload(engine.config, engine.weights, engine.kv_type, start_, total_ - start_, 1).multiply_adds());
  share_of_pictures_ = pictures_.work() / (pictures_.work() + std::max(1.0, passes));
}

void Reading::ChooseBeginnings() {
  if (!m_.parts->beginnings.keeps_any()) return;
  std::vector<std::int64_t> ends = prompt_.message_ends;
  if (ends.empty()) ends.push_back(prompt_.boundary);
  std::int64_t last = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const std::int64_t length = WholeGroups(std::min(ends[i], total_ - 1));
    const bool is_edge = i == 0 || i + 2 >= ends.size();
    if (length <= std::max(last, start_)) continue;
    if (!is_edge && length - last < kLeastBetweenBeginnings) continue;
    beginnings_.push_back(length);
    last = length;
  }
}

double Reading::share() const {
  if (!pictures_.is_complete()) return pictures_.share() * share_of_pictures_;
  const double read =
      static_cast<double>(m_.state.length() - start_) / static_cast<double>(std::max<std::int64_t>(1, total_ - start_));
  return share_of_pictures_ + (1 - share_of_pictures_) * read;
}

std::int64_t Reading::MostRows(bool may_be_left) const {
  std::int64_t most = m_.parts->most_rows;
  if (m_.parts->workshop.num_writing() > 0) {
    const double seconds = row_seconds_ * static_cast<double>(kMostRowsBesideWriters);
    most = std::min(most, seconds > kSliceSeconds ? kLeastRows : kMostRowsBesideWriters);
  }
  if (may_be_left) {
    const double layers = m_.parts->config.num_layers();
    const double rows = row_seconds_ > 0 ? kLayerSeconds * layers / row_seconds_ : 0;
    most = std::min(most, std::max(kLeastRows, static_cast<std::int64_t>(std::min(rows, 512.0))));
  }
  return most;
}

std::int64_t Reading::EndOfPass(std::int64_t first, bool may_be_left) const {
  std::int64_t end = std::min(total_, WholeGroups(first + MostRows(may_be_left)));
  if (first < prompt_.boundary && prompt_.boundary < end) end = prompt_.boundary;
  if (next_beginning_ < beginnings_.size()) end = std::min(end, beginnings_[next_beginning_]);
  return end;
}

Result<bool> Reading::Step(const Lease& lease, const std::function<bool()>& goes_on) {
  if (!pictures_.is_complete()) {
    THIMBLE_RETURN_IF_ERROR(pictures_.Step(lease, stats_));
    return true;
  }
  const std::int64_t first = m_.state.length();
  if (!left_.is_begun()) {
    pass_end_ = EndOfPass(first, static_cast<bool>(goes_on));
    pass_seconds_ = 0;
  }
  const LogitRows logits = pass_end_ == total_ ? LogitRows::kLast : LogitRows::kNone;
  const Batch batch = BatchOf(prompt_, pictures_, first, pass_end_ - first, logits);
  const Decoder decoder(&m_.parts->config, &m_.parts->weights);
  const double begin = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(const bool is_done,
                           decoder.ForwardSome(batch, &m_.state, lease.scratch(), lease.ops(), goes_on, &left_));
  pass_seconds_ += MonotonicSeconds() - begin;
  if (!is_done) return true;
  row_seconds_ = pass_seconds_ / static_cast<double>(pass_end_ - first);
  m_.state.CommitAll();
  m_.Append(
      std::span(prompt_.keys).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(pass_end_ - first)));
  if (pass_end_ == prompt_.boundary) m_.KeepCheckpoint();
  if (next_beginning_ < beginnings_.size() && pass_end_ == beginnings_[next_beginning_]) {
    m_.ShareBeginning();
    ++next_beginning_;
  }
  return pass_end_ < total_;
}

}  // namespace thimble
