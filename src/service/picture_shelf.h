// SPDX-License-Identifier: Apache-2.0
// PictureShelf: pictures that a page has handed over once and names by their ids in its messages.
#pragma once

#include "engine/picture.h"
#include "sys/mutex.h"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace thimble::service {

// Any thread may call.
class PictureShelf {
 public:
  explicit PictureShelf(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  // Keeps it, and gives the id by which it is found: the hash of its pixels, so that the same picture has one. What was
  // used longest ago goes where pixels take too many bytes; the newest always stays.
  // Where `file` is the SHA-256 of the picture's file, in lower case, it is found by that too.
  std::string Put(Picture picture, const std::string& file = "");
  // nullptr: it is not here, or no longer.
  std::shared_ptr<const Picture> Find(const std::string& id);
  void Clear();

 private:
  struct Entry {
    std::string id;
    std::string file;  // its SHA-256; empty: not known
    std::shared_ptr<const Picture> picture;
  };
  mutable Mutex mutex_;
  std::size_t most_bytes_;
  std::vector<Entry> entries_ THIMBLE_GUARDED_BY(mutex_);  // most recently used last
  std::size_t bytes_ THIMBLE_GUARDED_BY(mutex_) = 0;
};

}  // namespace thimble::service
