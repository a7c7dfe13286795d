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
// Bytes of activations for so many patches.
std::uint64_t VisionScratchBytes(const VisionConfig& config, std::int64_t num_patches, int num_threads);

}  // namespace thimble
