// SPDX-License-Identifier: Apache-2.0
// FrameWriter: what the program says to the app, in order, written by a thread of its own, so that nobody else waits
// for an app that is slow to read.
#pragma once

#include "android/native/lines.h"
#include "base/thread_annotations.h"
#include "engine/governor.h"
#include "files/json.h"
#include "service/exchange.h"
#include "sys/mutex.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace thimble::android {

enum class LogLevel { kNote, kWarning, kError };

struct StartedFacts {
  std::string version;
  std::string isa;
  int threads = 0;
  std::vector<int> processors;  // that the threads were given; empty: they are where the system puts them
  std::size_t num_models = 0;
  bool has_builtin = false;  // as a pack: its file is not needed any more
};

Json NumbersJson(std::span<const int> numbers);

// Any thread.
class FrameWriter {
 public:
  // `write` takes all of the bytes, and waits; false: nobody reads any more, and everything from then on is dropped.
  explicit FrameWriter(std::function<bool(std::string_view)> write);
  // Writes what waits.
  ~FrameWriter();
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  void Started(const StartedFacts& facts);
  void Failed(const Error& error);
  void Answer(AnswerId id, int status, std::span<const service::Header> headers);
  void Part(AnswerId id, std::string_view bytes);
  void End(AnswerId id);
  void Decision(const GovernorDecision& decision);
  void Log(LogLevel level, std::string_view text);

  // More waits than an answer should add to.
  [[nodiscard]] bool IsFull() const;

 private:
  void Put(std::string_view line, const std::string_view* bytes);
  void Run();

  const std::function<bool(std::string_view)> write_;
  mutable std::mutex mutex_;
  std::condition_variable wakes_;
  std::string waiting_;
  bool is_over_ = false;
  bool is_gone_ = false;  // the reader is
  std::thread thread_;
};

}  // namespace thimble::android
