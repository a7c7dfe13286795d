// SPDX-License-Identifier: Apache-2.0
// A lock, and waiting for what others do under it; both are nothing where there are no threads (plain WebAssembly).
// WebAssembly's library has no std::mutex; with shared memory its instructions for waiting serve.
// What a mutex guards says so: `int count_ THIMBLE_GUARDED_BY(mutex_);`.
#pragma once

#include "base/thread_annotations.h"

#if !defined(__wasm__) || defined(_REENTRANT)
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#elif defined(__wasm_atomics__)
#include "sys/atomic_wait.h"

#include <atomic>
#include <cstdint>
#endif

namespace thimble {

#if !defined(__wasm__) || defined(_REENTRANT)

class THIMBLE_CAPABILITY("mutex") Mutex {
 public:
  void Lock() THIMBLE_ACQUIRE() { mutex_.lock(); }
  void Unlock() THIMBLE_RELEASE() { mutex_.unlock(); }

 private:
  friend class Signal;
  std::mutex mutex_;
};

// What those who wait under a mutex are woken by.
class Signal {
 public:
  // With `mutex` held: gives it up, waits for Broadcast, but so long at most, and takes it again.
  void WaitWithin(Mutex* mutex, double seconds) THIMBLE_REQUIRES(mutex) {
    std::unique_lock lock(mutex->mutex_, std::adopt_lock);
    condition_.wait_for(lock, std::chrono::duration<double>(seconds));
    lock.release();
  }
  void Broadcast() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

// Lets others have this core for a moment.
inline void Yield() { std::this_thread::yield(); }

#elif defined(__wasm_atomics__)

class THIMBLE_CAPABILITY("mutex") Mutex {
 public:
  void Lock() THIMBLE_ACQUIRE() {
    std::uint32_t state = kFree;
    if (state_.compare_exchange_strong(state, kHeld, std::memory_order_acquire)) return;
    while (state_.exchange(kWaitedFor, std::memory_order_acquire) != kFree) WaitForChange(&state_, kWaitedFor);
  }
  void Unlock() THIMBLE_RELEASE() {
    if (state_.exchange(kFree, std::memory_order_release) == kWaitedFor) WakeOne(&state_);
  }

 private:
  static constexpr std::uint32_t kFree = 0, kHeld = 1, kWaitedFor = 2;
  std::atomic<std::uint32_t> state_{kFree};
};

class Signal {
 public:
  void WaitWithin(Mutex* mutex, double seconds) THIMBLE_REQUIRES(mutex) {
    const std::uint32_t heard = calls_.load(std::memory_order_acquire);
    mutex->Unlock();
    WaitForChange(&calls_, heard, static_cast<std::int64_t>(seconds * 1e9));
    mutex->Lock();
  }
  void Broadcast() {
    calls_.fetch_add(1, std::memory_order_release);
    WakeAll(&calls_);
  }

 private:
  std::atomic<std::uint32_t> calls_{0};
};

inline void Yield() {}

#else

class THIMBLE_CAPABILITY("mutex") Mutex {
 public:
  void Lock() THIMBLE_ACQUIRE() {}
  void Unlock() THIMBLE_RELEASE() {}
};

class Signal {
 public:
  void WaitWithin(Mutex* mutex, double /*seconds*/) THIMBLE_REQUIRES(mutex) {}
  void Broadcast() {}
};

inline void Yield() {}

#endif

// Holds a mutex as long as it lives.
class THIMBLE_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) THIMBLE_ACQUIRE(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() THIMBLE_RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* mutex_;
};

}  // namespace thimble
