// SPDX-License-Identifier: Apache-2.0
// A lock, and waiting for what others do under it; both are nothing where there are no threads (plain WebAssembly,
// whose library has no std::mutex).
#pragma once

#if !defined(__wasm__) || defined(_REENTRANT)
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#endif

namespace thimble {

#if !defined(__wasm__) || defined(_REENTRANT)

class Mutex {
 public:
  void Lock() { mutex_.lock(); }
  void Unlock() { mutex_.unlock(); }

 private:
  friend class Signal;
  std::mutex mutex_;
};

// What those who wait under a mutex are woken by.
class Signal {
 public:
  // With `mutex` held: gives it up, waits for Broadcast, but so long at most, and takes it again.
  void WaitWithin(Mutex* mutex, double seconds) {
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

class Mutex {
 public:
  void Lock() {}
  void Unlock() {}
};

class Signal {
 public:
  void WaitWithin(Mutex*, double) {}
  void Broadcast() {}
};

inline void Yield() {}

#endif

// Holds a mutex as long as it lives.
class MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* mutex_;
};

}  // namespace thimble
