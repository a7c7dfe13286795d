// SPDX-License-Identifier: Apache-2.0
// What the service asks a carrier with files for: models from the store and from a path, pictures by the codecs.
#pragma once

#include "host/find_model.h"
#include "host/import.h"
#include "image/decode.h"
#include "service/carrier_parts.h"
#include "sys/mutex.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace thimble::host {

// The store's models, the built-in one, and one that was named by its path.
class FileModelShelf : public service::ModelShelf {
 public:
  // `how`: how each model is opened; its `model` is the path of the one that is called `name`, which may be in the
  // store or not. `opened` (may be empty) hears of every engine that was opened.
  FileModelShelf(OpenOptions how, std::string name, std::function<void(const Engine&)> opened);

  [[nodiscard]] std::vector<service::ShelfModel> List() const override;
  Result<std::shared_ptr<const Engine>> Open(const std::string& name,
                                             const std::function<bool(double share)>& progress) override;

 private:
  [[nodiscard]] Result<std::string> PathOf(const std::string& name) const;

  OpenOptions how_;
  std::string name_;
  std::function<void(const Engine&)> opened_;
  mutable Mutex mutex_;
  mutable std::vector<service::ShelfModel> listed_ THIMBLE_GUARDED_BY(mutex_);
  mutable double listed_at_ THIMBLE_GUARDED_BY(mutex_) = -1;
  mutable FileStamp listed_of_ THIMBLE_GUARDED_BY(mutex_){""};  // the folder's, when it was read
};

// The name that clients see of the model at `path`: the store's, "builtin", or the file's or folder's own.
std::string ShelfName(const std::string& asked, const std::string& path);

class CodecPictureDecoder : public service::PictureDecoder {
 public:
  explicit CodecPictureDecoder(DecodeOptions how) : how_(how) {}
  Result<Picture> Decode(std::string_view bytes, const std::string& place) override;

 private:
  DecodeOptions how_;
};

}  // namespace thimble::host
