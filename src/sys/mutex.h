// SPDX-License-Identifier: Apache-2.0
// A lock, and waiting for what others do under it; both are nothing where there are no threads (plain WebAssembly,
// whose library has no std::mutex). What a mutex guards says so: `int count_ THIMBLE_GUARDED_BY(mutex_);`.
#pragma once

#include "base/thread_annotations.h"

#if !defined(__wasm__) || defined(_REENTRANT)
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
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
