// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at any moment of a reply or of opening a model: an error, and a session that goes on.
#include "session_tools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

// Allocations by `new` on this thread that still succeed before one fails; negative: none fails (any more).
thread_local long allocations_left = -1;

void* Allocate(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace thimble::testing {
namespace {

// Runs `body` so that its n-th allocation fails; whether it got that far.
template <typename Body>
bool FailFrom(long n, Body&& body) {
  allocations_left = n;
  body();
  const bool has_failed = allocations_left < 0;
  allocations_left = -1;
  return has_failed;
}

TEST(NoMemory, InTheMiddleOfAReply) {
  const auto engine = OpenModel("models/vl");
  GenerateRequest request = Ask("", 12);
  request.chat().messages = {UserMessage("What is this?", "rgb.png")};
  request.pictures.push_back(LoadImage("rgb.png"));
  const Reply wanted = Get(NewSession(engine)->Generate(request, kNoSink));
  const auto session = NewSession(engine);
  int failures = 0;
  bool has_failed = true;
  for (long n = 0; has_failed && n < 100000; n += n < 60 ? 1 : 7) {
    Code code = Code::kInvalid;
    has_failed = FailFrom(n, [&] {
      const auto reply = session->Generate(request, kNoSink);
      if (!reply.ok()) code = reply.error().code;
    });
    if (has_failed && code == Code::kExhausted) ++failures;
    EXPECT_EQ(Get(session->Generate(request, kNoSink)).ids, wanted.ids) << "after allocation " << n << " failed";
    if (n % 3 == 0) session->Clear();
  }
  EXPECT_GT(failures, 20);
}

TEST(NoMemory, WhileAModelIsOpened) {
  host::OpenOptions options;
  options.model = Fixture("gguf/text-tied-f32.gguf");
  int failures = 0;
  bool has_failed = true;
  for (long n = 0; has_failed && n < 200000; n += 1 + n / 4) {
    Code code = Code::kInvalid;
    has_failed = FailFrom(n, [&] {
      const auto engine = host::OpenModel(options);
      if (!engine.ok()) code = engine.error().code;
    });
    if (has_failed && code == Code::kExhausted) ++failures;
  }
  EXPECT_FALSE(has_failed);
  EXPECT_GT(failures, 5);
  EXPECT_TRUE(host::OpenModel(options).ok());
}

}  // namespace
}  // namespace thimble::testing
