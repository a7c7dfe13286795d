// SPDX-License-Identifier: Apache-2.0
#include "engine/session.h"

#include "base/check.h"
#include "base/no_memory.h"
#include "base/text.h"
#include "engine/engine_parts.h"
#include "engine/picture_rows.h"
#include "engine/session_memory.h"
#include "sys/machine.h"

#include <algorithm>

namespace thimble {

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kCancelled:
      break;
  }
  return "cancelled";
}

Session::Session() = default;
Session::~Session() = default;

Result<std::unique_ptr<Session>> Engine::NewSession() const {
  return ExhaustedIfNoMemory([&]() -> Result<std::unique_ptr<Session>> {
    std::unique_ptr<Session> session(new Session());
    session->memory_ = std::make_unique<Session::Memory>(shared_from_this(), parts_.get());
    THIMBLE_RETURN_IF_ERROR(session->memory_->Begin(context()));
    return session;
  });
}

void Session::ForgetCancel() {
  if (!memory_->is_busy.load()) is_cancelled_.store(false, std::memory_order_relaxed);
}
void Session::Clear() { memory_->Clear(); }
int Session::length() const { return memory_->state.length(); }

std::int64_t Session::question_length() const { return memory_->CheckpointWithin(memory_->state.length()); }

std::int64_t Session::Remembers(const Prompt& prompt) const {
  const auto limit = static_cast<std::int64_t>(prompt.ids.size()) - 1;
  const std::int64_t common = memory_->CommonWith(prompt.keys, limit);
  return common == memory_->state.length() ? common : memory_->CheckpointWithin(common);
}

Status Session::Memory::Begin(int context) {
  const std::uint64_t growth = BytesOf(context, kMaxCheckpoints);
  if (parts->checks_memory) {
    const auto shortage = parts->memory->Reserve(DecoderState::RecurrentBytes(parts->config), growth, &to_come);
    if (shortage.has_value()) {
      std::vector<Advice> advice;
      const std::uint64_t kv = DecoderState::KvBytes(parts->config, context, parts->kv_type);
      if (const auto fits = ContextThatFits(*shortage, kv, context); fits.has_value()) advice.push_back(*fits);
      return shortage->Say("memory", Cat("a conversation of ", context, " tokens"), std::move(advice));
    }
  }
  THIMBLE_ASSIGN_OR_RETURN(state, DecoderState::Create(parts->config, context, parts->kv_type));
  return Done{};
}

std::uint64_t Session::Memory::BytesOf(std::int64_t tokens, std::size_t num_checkpoints) const {
  const auto kv = [this](std::int64_t count) {
    return DecoderState::KvBytes(parts->config, static_cast<int>(count), parts->kv_type);
  };
  // A checkpoint is one of the state's two halves, and the page that it shares until the session writes on.
  return kv(tokens) + (DecoderState::RecurrentBytes(parts->config) / 2 + kv(1)) * num_checkpoints;
}

void Session::Memory::CountTaken() {
  const std::uint64_t all = BytesOf(state.max_tokens(), kMaxCheckpoints);
  to_come.Set(all - BytesOf(state.length(), checkpoints.size()));
}

void Session::Memory::Clear() {
  state.Clear();
  keys.clear();
  num_shareable = 0;
  checkpoints.clear();
  CountTaken();
}

std::int64_t Session::Memory::CommonWith(std::span<const PromptKey> wanted, std::int64_t limit) const {
  std::int64_t common = 0;
  const auto most =
      std::min<std::int64_t>({static_cast<std::int64_t>(keys.size()), static_cast<std::int64_t>(wanted.size()), limit});
  while (common < most && keys[static_cast<std::size_t>(common)] == wanted[static_cast<std::size_t>(common)]) ++common;
  return common;
}

std::int64_t Session::Memory::CheckpointWithin(std::int64_t length) const {
  std::int64_t longest = 0;
  for (const Checkpoint& checkpoint : checkpoints) {
    if (checkpoint.length() <= length) longest = std::max<std::int64_t>(longest, checkpoint.length());
  }
  return longest;
}

// What this session remembers wins over a longer beginning that was read elsewhere: it may hold tokens that were
// written, which come out with other last bits than when read, and no reply may depend on what others have read.
void Session::Memory::RewindTo(std::span<const PromptKey> wanted, std::int64_t limit) {
  const std::int64_t common = CommonWith(wanted, limit);
  if (common > 0 && common == state.length()) return;
  // Recurrent states cannot be cut; go back to the last checkpoint inside what is the same.
  while (!checkpoints.empty() && checkpoints.back().length() > common) checkpoints.pop_back();
  if (!checkpoints.empty()) {
    state.Restore(checkpoints.back());
    keys.resize(static_cast<std::size_t>(state.length()));
    num_shareable = std::min<std::int64_t>(num_shareable, state.length() / PrefixStore::kStride * PrefixStore::kStride);
    return;
  }
  if (state.length() > 0) Clear();
  if (const auto shared = parts->beginnings.Find(wanted, limit); shared.has_value()) {
    state.Restore(*shared);
    keys.assign(wanted.begin(), wanted.begin() + state.length());
    num_shareable = state.length();
  }
}

void Session::Memory::Append(std::span<const PromptKey> read) {
  const auto first = static_cast<std::int64_t>(keys.size());
  keys.insert(keys.end(), read.begin(), read.end());
  if (num_shareable == first)
    num_shareable = static_cast<std::int64_t>(keys.size()) / PrefixStore::kStride * PrefixStore::kStride;
  CountTaken();
}

void Session::Memory::KeepCheckpoint() {
  if (!checkpoints.empty() && checkpoints.back().length() == state.length()) return;
  auto checkpoint = state.Save();
  // Without room for a checkpoint the next turn reads more again; nothing is wrong with this one.
  if (!checkpoint.ok()) return;
  if (checkpoints.size() >= static_cast<std::size_t>(kMaxCheckpoints)) checkpoints.erase(checkpoints.begin());
  checkpoints.push_back(std::move(checkpoint).value());
}

void Session::Memory::ShareBeginning() {
  const std::uint64_t size = DecoderState::RecurrentBytes(parts->config) / 2;
  if (num_shareable != state.length() || !parts->beginnings.Wants(keys, size)) return;
  if (auto checkpoint = state.Save(); checkpoint.ok()) parts->beginnings.Keep(keys, std::move(checkpoint).value());
}

namespace {

using OnRow = std::function<bool(int index, std::span<const float> logits)>;

// Shows the logits of all rows of the last pass, whose first is token `first`. kCancelled when `on_row` wants no more.
Status ShowRows(const Decoder& decoder, const Lease& lease, std::int64_t first, const OnRow& on_row) {
  constexpr std::int64_t kHeadRows = 8;
  const MatView<const float> hidden = lease.scratch()->hidden();
  for (std::int64_t row = 0; row < hidden.rows; row += kHeadRows) {
    const std::int64_t some = std::min<std::int64_t>(kHeadRows, hidden.rows - row);
    THIMBLE_RETURN_IF_ERROR(decoder.Head(hidden.Rows(row, some), lease.scratch(), lease.ops()));
    for (std::int64_t i = 0; i < some; ++i) {
      if (!on_row(static_cast<int>(first + row + i), lease.scratch()->logits().RowSpan(i)))
        return Error{Code::kCancelled, "[evaluate] cancelled"};
    }
  }
  return Done{};
}

}  // namespace

Result<int> Session::Evaluate(const GenerateRequest& request, LogitRows rows,
                              const std::function<bool(int index, std::span<const float> logits)>& on_row) {
  return ExhaustedIfNoMemory([&] { return EvaluateRows(request, rows, on_row); });
}

Result<int> Session::EvaluateRows(const GenerateRequest& request, LogitRows rows,
                                  const std::function<bool(int index, std::span<const float> logits)>& on_row) {
  Memory& m = *memory_;
  const BusyScope busy(&m.is_busy);
  THIMBLE_RETURN_IF_ERROR(busy.status());
  THIMBLE_ASSIGN_OR_RETURN(const Prompt prompt, BuildPrompt(m.parts->prompts, request));
  THIMBLE_ASSIGN_OR_RETURN(const auto held, Lease::Take(m.parts, nullptr));
  const Lease& lease = *held;
  GenerateStats stats;
  PictureRows pictures(m.parts, &prompt, request.pictures, 0);
  while (!pictures.is_complete()) THIMBLE_RETURN_IF_ERROR(pictures.Step(lease, &stats));
  m.Clear();
  const Decoder decoder(&m.parts->config, &m.parts->weights);
  const auto total = static_cast<std::int64_t>(prompt.ids.size());
  for (std::int64_t first = 0; first < total;) {
    const std::int64_t count = std::min<std::int64_t>(m.parts->most_rows, total - first);
    const bool is_last = first + count == total;
    const LogitRows wanted = is_last && rows == LogitRows::kLast ? LogitRows::kLast : LogitRows::kNone;
    const Batch batch = BatchOf(prompt, pictures, first, count, wanted);
    THIMBLE_RETURN_IF_ERROR(decoder.Forward(batch, &m.state, lease.scratch(), lease.ops()));
    m.state.CommitAll();
    if (rows == LogitRows::kAll) {
      THIMBLE_RETURN_IF_ERROR(ShowRows(decoder, lease, first, on_row));
    } else if (is_last && !on_row(static_cast<int>(total - 1), lease.scratch()->logits().RowSpan(0))) {
      return Error{Code::kCancelled, "[evaluate] cancelled"};
    }
    first += count;
  }
  m.Clear();
  return static_cast<int>(total);
}

}  // namespace thimble
