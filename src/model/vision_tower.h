// SPDX-License-Identifier: Apache-2.0
// VisionTower: the tower's weights, read when the first picture comes, given back when nobody needs them.
#pragma once

#include "model/load.h"
#include "sys/mutex.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace thimble {

// Any thread may call; whoever reads the weights makes the others wait.
class VisionTower {
 public:
  // `options` as for LoadWeights: their pool, progress, warnings and notes are left out. `weights`: where loading has
  // read them already, else nullptr.
  VisionTower(std::shared_ptr<const ModelFile> text, std::shared_ptr<const ModelFile> vision, const ModelConfig& config,
              LoadOptions options, std::shared_ptr<const VisionWeights> weights);

  // The weights, read with the threads of `pool` unless they are there. Between tensors the pool's stop and
  // `keep_going` (may be empty) are looked at, which end it with kCancelled; others wait meanwhile, so `keep_going`
  // must not wait for anybody. They stay valid for as long as they are held. Whether they fit into memory is to be
  // asked before. Errors: what the files give (LoadWeights), kCorrupt where they have changed since they were opened;
  // it may be tried again.
  Result<std::shared_ptr<const VisionWeights>> Get(ThreadPool* pool, const std::function<bool()>& keep_going = {});
  // Memory that Get would take for them now: 0 where they are there.
  [[nodiscard]] std::uint64_t bytes_to_read() const;
  // Gives the memory back once nobody holds them any more; the next Get reads them again.
  void GiveBack();

 private:
  std::shared_ptr<const ModelFile> text_;
  std::shared_ptr<const ModelFile> vision_;
  ModelConfig config_;
  LoadOptions options_;
  std::uint64_t bytes_;  // of the weights
  mutable Mutex mutex_;
  std::shared_ptr<const VisionWeights> weights_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble
