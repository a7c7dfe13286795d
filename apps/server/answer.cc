// SPDX-License-Identifier: Apache-2.0
#include "server/answer.h"

#include <algorithm>
#include <utility>

namespace thimble::server {

namespace {

constexpr std::size_t kBatchBytes = 64 << 10;

bool IsStream(const std::vector<service::Header>& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const service::Header& header) {
    return header.name == "content-type" &&
           (header.value.starts_with("text/event-stream") || header.value.starts_with("application/x-ndjson"));
  });
}

}  // namespace

Answer::Answer(std::size_t full_bytes, std::size_t most_bytes, std::function<void()> wake)
    : full_bytes_(full_bytes), most_bytes_(most_bytes), wake_(std::move(wake)) {}

void Answer::WakeUp() {
  if (is_woken_) return;
  is_woken_ = true;
  wake_();
}

void Answer::Begin(int status, std::vector<service::Header> headers) {
  const MutexLock lock(&mutex_);
  if (!wake_ || has_begun_) return;
  has_begun_ = true;
  status_ = status;
  is_stream_ = IsStream(headers);
  headers_ = std::move(headers);
  if (is_stream_) WakeUp();
}

void Answer::Part(std::string_view bytes) {
  const MutexLock lock(&mutex_);
  if (!wake_ || !has_begun_ || has_ended_ || is_broken_) return;
  if (bytes.size() > most_bytes_ - std::min(most_bytes_, NumWaiting() + on_way_)) {
    is_broken_ = true;
    is_woken_ = false;  // the connection may be waiting for its client, and must look all the same
  } else {
    waiting_.append(bytes);
  }
  if (is_stream_ || is_broken_ || NumWaiting() >= kBatchBytes) WakeUp();
}

void Answer::End() {
  const MutexLock lock(&mutex_);
  if (!wake_ || !has_begun_ || has_ended_) return;
  has_ended_ = true;
  WakeUp();
}

bool Answer::IsFull() const {
  const MutexLock lock(&mutex_);
  return NumWaiting() + on_way_ >= full_bytes_;
}

std::optional<Answer::Batch> Answer::Take() {
  const MutexLock lock(&mutex_);
  is_woken_ = false;
  if (!has_begun_ || end_taken_ || is_broken_) return std::nullopt;
  if (!head_taken_ && !is_stream_ && !has_ended_ && NumWaiting() < kBatchBytes) return std::nullopt;
  const bool has_news = !head_taken_ || NumWaiting() > 0 || has_ended_;
  if (!has_news) return std::nullopt;
  Batch batch;
  if (!head_taken_) {
    head_taken_ = true;
    batch.begins = true;
    batch.status = status_;
    batch.headers = std::move(headers_);
    if (has_ended_) batch.length = NumWaiting();
  }
  batch.bytes = waiting_.substr(taken_, kBatchBytes);
  taken_ += batch.bytes.size();
  on_way_ += batch.bytes.size();
  if (taken_ == waiting_.size()) {
    // A burst's memory goes back; what a stream needs all the time stays.
    if (waiting_.capacity() > full_bytes_) {
      waiting_ = std::string();
    } else {
      waiting_.clear();
    }
    taken_ = 0;
    batch.ends = end_taken_ = has_ended_;
  } else if (taken_ >= full_bytes_) {
    waiting_.erase(0, taken_);
    taken_ = 0;
  }
  return batch;
}

void Answer::Sent() {
  const MutexLock lock(&mutex_);
  on_way_ = 0;
}

void Answer::Detach() {
  std::function<void()> gone;  // with what it holds, outside the lock
  const MutexLock lock(&mutex_);
  gone.swap(wake_);
  waiting_ = std::string();
  taken_ = on_way_ = 0;
}

bool Answer::has_ended() const {
  const MutexLock lock(&mutex_);
  return has_ended_;
}

bool Answer::is_broken() const {
  const MutexLock lock(&mutex_);
  return is_broken_;
}

}  // namespace thimble::server
