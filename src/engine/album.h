// SPDX-License-Identifier: Apache-2.0
// Album: what the vision tower made of pictures, kept for all sessions of an engine.
#pragma once

#include "engine/picture.h"
#include "model/vision.h"
#include "sys/mutex.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace thimble {

// Safe to use from any thread. What it holds or has dropped changes no reply, only how long it takes.
class Album {
 public:
  explicit Album(std::size_t most_bytes) : most_bytes_(most_bytes) {}
  void SetMostBytes(std::size_t most_bytes);
  // Drops everything.
  void Clear();

  // The picture's rows; nullptr where they are not here. They stay as they are for as long as somebody holds them.
  std::shared_ptr<const VisionRows> Find(const PictureId& key);
  // Keeps the rows, and drops what was used least recently where that makes too many bytes; the newest always stay.
  void Keep(const PictureId& key, std::shared_ptr<const VisionRows> rows);

  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Entry {
    PictureId key;
    std::shared_ptr<const VisionRows> rows;
  };

  void DropOldest() THIMBLE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::size_t most_bytes_ THIMBLE_GUARDED_BY(mutex_);
  std::vector<Entry> entries_ THIMBLE_GUARDED_BY(mutex_);  // most recently used last
  std::size_t bytes_ THIMBLE_GUARDED_BY(mutex_) = 0;
};

}  // namespace thimble
