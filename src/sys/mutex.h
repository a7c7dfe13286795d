// SPDX-License-Identifier: Apache-2.0
// A lock that is none where there are no threads (plain WebAssembly, whose library has no std::mutex).
#pragma once

#if !defined(__wasm__) || defined(_REENTRANT)
#include <mutex>
#endif

namespace thimble {

#if !defined(__wasm__) || defined(_REENTRANT)

class Mutex {
 public:
  void Lock() { mutex_.lock(); }
  void Unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

#else

class Mutex {
 public:
  void Lock() {}
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
