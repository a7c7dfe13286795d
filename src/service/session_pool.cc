// SPDX-License-Identifier: Apache-2.0
#include "service/session_pool.h"

#include <algorithm>
#include <utility>

namespace thimble::service {

namespace {

// A video's size is not told here.
bool PicturesFit(const Engine& engine, const Prompt& prompt) {
  return std::all_of(prompt.readings.begin(), prompt.readings.end(), [&](const PictureReading& reading) {
    return reading.read.width <= 0 || engine.CheckPicture(reading.read).ok();
  });
}

}  // namespace

std::size_t SessionPool::LeastWorth() const {
  const auto less = [](const Idle& a, const Idle& b) { return a.worth < b.worth; };
  return static_cast<std::size_t>(std::min_element(idle_.begin(), idle_.end(), less) - idle_.begin());
}

Result<std::unique_ptr<Session>> SessionPool::Take(const Engine& engine, const Prompt& prompt) {
  std::int64_t most = 0;
  std::size_t best = idle_.size();
  for (std::size_t i = 0; i < idle_.size(); ++i) {
    const std::int64_t remembered = idle_[i].session->Remembers(prompt);
    // Less than half of what was asked in it: then the conversation is another one, and its memory is not given up for
    // a beginning that both have, which the engine's store has too.
    if (remembered > most && 2 * remembered >= idle_[i].session->question_length()) {
      most = remembered;
      best = i;
    }
  }
  const auto drop_least = [&] { idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(LeastWorth())); };
  // Conversations that nobody is in make room for the prompt's pictures.
  const auto make_room = [&] {
    while (!idle_.empty() && !PicturesFit(engine, prompt)) drop_least();
  };
  if (best < idle_.size()) {
    auto session = std::move(idle_[best].session);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(best));
    make_room();
    return session;
  }
  while (true) {
    auto session = engine.NewSession();
    if (session.ok()) make_room();
    if (session.ok() || session.error().code != Code::kExhausted || idle_.empty()) return session;
    drop_least();
  }
}

void SessionPool::GiveBack(std::unique_ptr<Session> session) {
  if (session == nullptr || session->length() == 0 || most_ == 0) return;
  const double worth = clock_ + session->length();
  idle_.push_back({std::move(session), worth});
  while (idle_.size() > most_) {
    const std::size_t least = LeastWorth();
    clock_ = std::max(clock_, idle_[least].worth);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(least));
  }
}

}  // namespace thimble::service
