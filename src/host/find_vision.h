// SPDX-License-Identifier: Apache-2.0
// Which vision file belongs to a model: looks beside the model for an mmproj GGUF that fits it.
#pragma once

#include "base/result.h"
#include "engine/model_files.h"
#include "files/model_file.h"

#include <functional>
#include <memory>
#include <string>

namespace thimble::host {

struct FoundVisionFile {
  std::shared_ptr<const ModelFile> file;  // nullptr: none
  VisionChoice choice;
};

// Looks through the model's folder for vision files: GGUF files whose header says so (whatever their names), or, where
// they cannot be read, whose name has "mmproj" in it. `check` tells whether a file is a whole tower of this family that
// fits the model, whose width is `width`. Of several that do:
// * where all hold the same tower and differ in how it is stored only, F16, then BF16, Q8_0, F32 is taken;
// * else the one whose name goes with the model's;
// * else none.
// Never an error: a vision file that nobody asked for must not stop a text request.
FoundVisionFile FindVisionFile(const ModelFile& text, int width, const std::function<Status(const ModelFile&)>& check);

// Whether the two vision files hold the same tower, perhaps in different types: the same tensors in the same shapes,
// the same keys but for descriptions, and, where both types are easily read, about the same numbers in samples.
bool HoldSameTower(const ModelFile& a, const ModelFile& b);

}  // namespace thimble::host
