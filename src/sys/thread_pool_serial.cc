// SPDX-License-Identifier: Apache-2.0
// ThreadPool where there are no threads (WebAssembly without shared memory): the caller does everything.
#include "sys/thread_pool.h"

namespace thimble {

struct ThreadPool::Shared {};

ThreadPool::ThreadPool(int /*num_threads*/, double slowest_share) : num_threads_(1), slowest_share_(slowest_share) {}
ThreadPool::~ThreadPool() = default;

void ThreadPool::Limit(int /*num_threads*/) {}
bool ThreadPool::Place(std::span<const int> /*processors*/) { return true; }

void ThreadPool::Run(int num_tasks, TaskFn fn, void* context) {
  for (int task = 0; task < num_tasks; ++task) {
    if (is_stopped()) {
      has_left_out_.store(true, std::memory_order_relaxed);
      return;
    }
    fn(context, task, 0);
  }
}

}  // namespace thimble

#if defined(__wasi__)
// What compilers call for thread_local objects with destructors, and this system's library lacks: the only thread ends
// when the program does. (The names belong to the C++ ABI.)
extern "C" int __cxa_atexit(void (*destroy)(void*), void* object, void* module);         // NOLINT
extern "C" int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* module);  // NOLINT
extern "C" int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* module) {
  return __cxa_atexit(destroy, object, module);
}
#endif
