// SPDX-License-Identifier: Apache-2.0
#include "android/native/frame_writer.h"

#include "base/text.h"
#include "common/request_head.h"

#include <utility>

namespace thimble::android {

namespace {

constexpr std::size_t kFullBytes = std::size_t{1} << 20;

const char* NameOf(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not_found";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kCorrupt:
      return "corrupt";
    case Code::kExhausted:
      return "exhausted";
    case Code::kSystem:
      return "system";
    case Code::kCancelled:
      return "cancelled";
  }
  return "unexpected";
}

Json Id(AnswerId id) { return Json::Integer(static_cast<std::int64_t>(id)); }

}  // namespace

Json NumbersJson(std::span<const int> numbers) {
  std::vector<Json> list;
  list.reserve(numbers.size());
  for (const int number : numbers) list.push_back(Json::Integer(number));
  return Json::Array(std::move(list));
}

FrameWriter::FrameWriter(std::function<bool(std::string_view)> write) : write_(std::move(write)) {
  thread_ = std::thread([this] { Run(); });
}

FrameWriter::~FrameWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  wakes_.notify_one();
  thread_.join();
}

void FrameWriter::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wakes_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const std::string batch = std::exchange(waiting_, std::string());
    lock.unlock();
    const bool is_gone = !write_(batch);
    lock.lock();
    is_gone_ = is_gone_ || is_gone;
    if (is_gone_) waiting_.clear();
  }
}

void FrameWriter::Put(std::string_view line, const std::string_view* bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (is_gone_) return;
    waiting_.append(line);
    waiting_ += '\n';
    if (bytes != nullptr) {
      waiting_.append(*bytes);
      waiting_ += '\n';
    }
  }
  wakes_.notify_one();
}

bool FrameWriter::IsFull() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() >= kFullBytes;
}

void FrameWriter::Started(const StartedFacts& facts) {
  const Json started = Json::Object({{"version", Json::String(facts.version)},
                                     {"isa", Json::String(facts.isa)},
                                     {"threads", Json::Integer(facts.threads)},
                                     {"processors", NumbersJson(facts.processors)},
                                     {"models", Json::Integer(static_cast<std::int64_t>(facts.num_models))},
                                     {"builtin", Json::Bool(facts.has_builtin)}});
  Put(Json::Object({{"started", started}}).Dump(), nullptr);
}

void FrameWriter::Failed(const Error& error) {
  const Json failed =
      Json::Object({{"code", Json::String(NameOf(error.code))}, {"message", Json::String(error.message)}});
  Put(Json::Object({{"failed", failed}}).Dump(), nullptr);
}

void FrameWriter::Answer(AnswerId id, int status, std::span<const service::Header> headers) {
  Put(Json::Object({{"answer", Id(id)}, {"status", Json::Integer(status)}, {"headers", common::HeadersJson(headers)}})
          .Dump(),
      nullptr);
}

void FrameWriter::Part(AnswerId id, std::string_view bytes) {
  if (bytes.empty()) return;
  Put(Cat("{\"part\":", id, ",\"bytes\":", bytes.size(), "}"), &bytes);
}

void FrameWriter::End(AnswerId id) { Put(Cat("{\"end\":", id, "}"), nullptr); }

void FrameWriter::Decision(const GovernorDecision& decision) {
  Json json =
      Json::Object({{"threads", Json::Integer(decision.threads)}, {"pause_ms", Json::Integer(decision.pause_ms)}});
  json.Set("thinking", decision.thinking.has_value() ? Json::Integer(*decision.thinking) : Json());
  json.Set("detail", Json::String(DetailName(decision.detail)));
  json.Set("stop", Json::Bool(decision.is_stopped));
  json.Set("reason", Json::String(decision.reason));
  Put(Json::Object({{"decision", std::move(json)}}).Dump(), nullptr);
}

void FrameWriter::Log(LogLevel level, std::string_view text) {
  const char* const name = level == LogLevel::kNote ? "note" : level == LogLevel::kWarning ? "warning" : "error";
  Put(Json::Object({{"log", Json::String(name)}, {"text", Json::String(std::string(text))}}).Dump(), nullptr);
}

}  // namespace thimble::android
