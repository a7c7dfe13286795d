// SPDX-License-Identifier: Apache-2.0
// Background: one piece of work beside the caller's own.
#pragma once

#include <functional>
#include <memory>

namespace thimble {

// Whether `work` may read files: in WebAssembly only the thread that called the module may.
#if defined(__wasm__)
inline constexpr bool kBackgroundReadsFiles = false;
#else
inline constexpr bool kBackgroundReadsFiles = true;
#endif

// Begins `work` on a thread of its own; where the system gives none, does it at once. The destructor waits, and drops
// what `work` may have thrown.
class Background {
 public:
  explicit Background(const std::function<void()>& work);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Returns when the work is done, with everything it wrote visible. What `work` threw (std::bad_alloc, when memory ran
  // out there) is thrown here, once, as if the caller had done the work. May be called again, by one thread at
  // a time.
  void Wait();

 private:
  struct Thread;
  std::unique_ptr<Thread> thread_;  // nullptr: done
};

}  // namespace thimble
