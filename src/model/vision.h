// SPDX-License-Identifier: Apache-2.0
// The vision tower: patches -> one row of the text model's width per 2x2 patches (spec 3.2 to 3.5).
#pragma once

#include "base/buffer.h"
#include "base/result.h"
#include "image/preprocess.h"
#include "model/config.h"
#include "model/decoder.h"
#include "model/weights.h"
#include "ops/ops.h"

#include <functional>
#include <memory>

namespace thimble {

struct VisionRows {
  Buffer<float> rows;  // [num_rows, D], blocks in raster order, temporal patches one after another
  std::int64_t num_rows = 0;
};

struct VisionOptions {
  // Called many times a block with the share done; returning false cancels (kCancelled). May be empty.
  std::function<bool(double share)> progress;
  const Trace* trace = nullptr;
};

// Encodes one picture or one video. kExhausted when its activations do not fit into memory.
Result<VisionRows> EncodePatches(const VisionConfig& config, const VisionWeights& weights, const Patches& patches,
                                 const Ops& ops, const VisionOptions& options);

// The same in pieces that each take a small part of a second: between two, the threads may do other work.
class VisionEncoder {
 public:
  // What it is given must outlive it, but `trace` may be nullptr. Errors as EncodePatches.
  static Result<std::unique_ptr<VisionEncoder>> Create(const VisionConfig& config, const VisionWeights& weights,
                                                       const Patches& patches, const ThreadPool& pool,
                                                       const Trace* trace = nullptr);
  ~VisionEncoder();

  // Does the next piece. True: there are more. kCancelled when ops.pool was stopped: there is nothing to go on with.
  Result<bool> Step(const Ops& ops);
  [[nodiscard]] double share() const;  // of the work done
  // After the last step.
  VisionRows TakeRows();

 private:
  class Tower;
  explicit VisionEncoder(std::unique_ptr<Tower> tower);
  std::unique_ptr<Tower> tower_;
};

// Bytes of activations for so many patches.
std::uint64_t VisionScratchBytes(const VisionConfig& config, std::int64_t num_patches, int num_threads);

}  // namespace thimble
