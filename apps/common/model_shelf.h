// SPDX-License-Identifier: Apache-2.0
// The models that can be opened: those of the store, and files that were picked.
#pragma once

#include "base/thread_annotations.h"
#include "common/storage.h"
#include "engine/engine.h"
#include "service/carrier_parts.h"
#include "sys/mutex.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace thimble::common {

class StoredModelShelf : public service::ModelShelf {
 public:
  // `how`: how each is opened. `reserve` (may be empty): is told about how many bytes of memory one takes, before.
  // `opened` hears of every engine. `log`: what is wrong with a pack, in the words of its format.
  StoredModelShelf(Storage* storage, EngineOptions how, std::function<void(std::uint64_t)> reserve,
                   std::function<void(const Engine&)> opened, std::function<void(const std::string&)> log);

  // A picked file has its own name, with the ending. The model "builtin" is the built-in one. A model that this program
  // cannot read is listed, too, and says so.
  [[nodiscard]] std::vector<service::ShelfModel> List() const override;
  Result<std::shared_ptr<const Engine>> Open(const std::string& name,
                                             const std::function<bool(double share)>& progress) override;

 private:
  [[nodiscard]] bool IsOutdated(const std::string& name) const;
  Result<std::shared_ptr<const Engine>> OpenFiles(const std::string& name,
                                                  const std::function<bool(double share)>& progress);
  [[nodiscard]] Result<ModelFiles> FilesOf(const std::string& name) const;
  [[nodiscard]] Result<ModelFiles> StoredFiles(const std::string& name, bool has_vision) const;
  [[nodiscard]] Result<ModelFiles> PickedFiles(const std::string& name, const std::vector<StoredFile>& picked) const;

  Storage* storage_;
  EngineOptions how_;
  std::function<void(std::uint64_t)> reserve_;
  std::function<void(const Engine&)> opened_;
  std::function<void(const std::string&)> log_;
  mutable Mutex mutex_;
  // Models that were found not to be outdated: they stay so as long as this program runs, and are not looked at again.
  mutable std::set<std::string> current_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble::common
