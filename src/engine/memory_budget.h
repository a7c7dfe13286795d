// SPDX-License-Identifier: Apache-2.0
// MemoryBudget: the one place that is asked whether something fits into memory: a model, a conversation, a picture.
#pragma once

#include "base/result.h"
#include "sys/mutex.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

// What does not fit.
struct Shortage {
  std::uint64_t needed = 0;
  std::uint64_t free = 0;

  // kExhausted, "[place] WHAT needs 6.1 GiB, 3.2 GiB free".
  [[nodiscard]] Error Say(std::string_view place, std::string_view what, std::vector<Advice> advice) const;
};

// Any thread may call.
class MemoryBudget {
 public:
  // Bytes that this process can still take; 0: nobody knows, and everything fits.
  using Gauge = std::function<std::uint64_t()>;
  // Without a gauge of the caller's: what the system says (AvailableMemoryBytes).
  explicit MemoryBudget(Gauge gauge = {});

  // What is kept only to be quicker, and goes before anything is refused. Called on the asking thread, outside locks.
  void SetSavings(std::function<void()> give_back) { give_back_ = std::move(give_back); }

  // The shortage when `bytes` more do not fit beside what is promised, with savings given back.
  [[nodiscard]] std::optional<Shortage> Lacks(std::uint64_t bytes) { return Ask(bytes, 0, nullptr); }

  // Memory that somebody will take little by little, such as a conversation that grows. While it is not taken it is
  // nobody else's. The budget must outlive it.
  class Promise {
   public:
    Promise() = default;
    ~Promise() { Set(0); }
    Promise(const Promise&) = delete;
    Promise& operator=(const Promise&) = delete;

    // From now on `bytes` are still to be taken.
    void Set(std::uint64_t bytes);

   private:
    friend class MemoryBudget;
    MemoryBudget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
  };
  // Promises `bytes`, of which `at_once` are taken now and so need not be promised. The shortage if they do not fit.
  std::optional<Shortage> Reserve(std::uint64_t at_once, std::uint64_t bytes, Promise* promise) {
    return Ask(at_once + bytes, bytes, promise);
  }

  // What the gauge says.
  [[nodiscard]] std::uint64_t free() const { return gauge_(); }
  [[nodiscard]] std::uint64_t promised() const;

 private:
  std::optional<Shortage> Ask(std::uint64_t bytes, std::uint64_t promised, Promise* promise);
  [[nodiscard]] std::optional<Shortage> Compare(std::uint64_t bytes) const THIMBLE_REQUIRES(mutex_);

  Gauge gauge_;
  std::function<void()> give_back_;
  mutable Mutex mutex_;
  std::uint64_t promised_ THIMBLE_GUARDED_BY(mutex_) = 0;
};

// The largest context, in whole thousands of 1,024 tokens, that fits where `fixed` bytes are needed anyway and a
// context of `context` tokens takes `context_bytes`; nullopt: none does.
std::optional<Advice> ContextThatFits(const Shortage& shortage, std::uint64_t context_bytes, std::int64_t context);

}  // namespace thimble
