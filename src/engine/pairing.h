// SPDX-License-Identifier: Apache-2.0
// Which vision file belongs to a model: looks beside the model for an mmproj GGUF that fits it.
#pragma once

#include "files/model_file.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace thimble {

// The one mmproj file in the model's folder whose projection width is `width`; of several, the one that `is_whole` (a
// tower of this family with all its tensors), and of several such the one whose name goes with the model's. nullptr,
// and a warning where there were candidates, when none or more than one fits. Never an error.
std::shared_ptr<const ModelFile> FindVisionFile(const ModelFile& text, int width,
                                                const std::function<bool(const ModelFile&)>& is_whole,
                                                std::vector<std::string>* warnings);

}  // namespace thimble
