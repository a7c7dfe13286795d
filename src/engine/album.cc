// SPDX-License-Identifier: Apache-2.0
#include "engine/album.h"

#include <algorithm>
#include <utility>

namespace thimble {

std::shared_ptr<const VisionRows> Album::Find(const PictureId& key) {
  const MutexLock lock(&mutex_);
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->key != key) continue;
    std::rotate(it, it + 1, entries_.end());
    return entries_.back().rows;
  }
  return nullptr;
}

void Album::Keep(const PictureId& key, std::shared_ptr<const VisionRows> rows) {
  if (Find(key) != nullptr) return;
  const MutexLock lock(&mutex_);
  const std::size_t bytes = rows->rows.size_bytes();
  entries_.push_back({key, std::move(rows)});
  bytes_ += bytes;
  DropOldest();
}

void Album::SetMostBytes(std::size_t most_bytes) {
  const MutexLock lock(&mutex_);
  most_bytes_ = most_bytes;
  DropOldest();
}

void Album::Clear() {
  const MutexLock lock(&mutex_);
  entries_.clear();
  bytes_ = 0;
}

void Album::DropOldest() {
  while (entries_.size() > 1 && bytes_ > most_bytes_) {
    bytes_ -= entries_.front().rows->rows.size_bytes();
    entries_.erase(entries_.begin());
  }
}

std::size_t Album::bytes() const {
  const MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace thimble
