// SPDX-License-Identifier: Apache-2.0
// A lock that is none where there are no threads (plain WebAssembly, whose library has no std::mutex).
#pragma once

#if !defined(__wasm__) || defined(_REENTRANT)
#include <chrono>
#include <mutex>
#endif

namespace thimble {

#if !defined(__wasm__) || defined(_REENTRANT)

class Mutex {
 public:
  void Lock() { mutex_.lock(); }
  // Waits so long at most; whether it has the lock.
  bool LockWithin(double seconds) { return mutex_.try_lock_for(std::chrono::duration<double>(seconds)); }
  void Unlock() { mutex_.unlock(); }

 private:
  std::timed_mutex mutex_;
};

#else

class Mutex {
 public:
  void Lock() {}
  bool LockWithin(double) { return true; }
  void Unlock() {}
};

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
