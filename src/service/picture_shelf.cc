// SPDX-License-Identifier: Apache-2.0
#include "service/picture_shelf.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace thimble::service {

namespace {

std::size_t BytesOf(const Picture& picture) { return picture.image.rgb.size(); }

}  // namespace

std::string PictureShelf::Put(Picture picture, const std::string& file) {
  KeepDigest(&picture);
  const Digest128 digest = *picture.digest;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(digest.high),
                static_cast<unsigned long long>(digest.low));
  std::string id = text.data();
  if (Find(id) != nullptr) {
    // Other files may have the same pixels: the last one's name counts.
    const MutexLock lock(&mutex_);
    if (!file.empty() && !entries_.empty() && entries_.back().id == id) entries_.back().file = file;
    return id;
  }
  const std::size_t bytes = BytesOf(picture);
  auto kept = std::make_shared<const Picture>(std::move(picture));
  const MutexLock lock(&mutex_);
  entries_.push_back({id, file, std::move(kept)});
  bytes_ += bytes;
  while (entries_.size() > 1 && bytes_ > most_bytes_) {
    bytes_ -= BytesOf(*entries_.front().picture);
    entries_.erase(entries_.begin());
  }
  return id;
}

std::shared_ptr<const Picture> PictureShelf::Find(const std::string& id) {
  const MutexLock lock(&mutex_);
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->id != id && (it->file.empty() || it->file != id)) continue;
    std::rotate(it, it + 1, entries_.end());
    return entries_.back().picture;
  }
  return nullptr;
}

void PictureShelf::Clear() {
  const MutexLock lock(&mutex_);
  entries_.clear();
  bytes_ = 0;
}

}  // namespace thimble::service
