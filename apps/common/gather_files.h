// SPDX-License-Identifier: Apache-2.0
// From files of a storage to a model: which is the model's own, which are its parts, which its vision file.
#pragma once

#include "base/result.h"
#include "common/storage.h"
#include "engine/model_files.h"

#include <string>
#include <vector>

namespace thimble::common {

// A file in the storage, and what it is called in messages.
struct ModelPlace {
  std::string stored;
  std::string shown;
};

// Whether a file is a model of its own (true), or a part of one or a vision file. kCorrupt, kUnsupported and others
// where it is no GGUF file.
Result<bool> IsWholeModel(Storage* storage, const ModelPlace& file);

struct GatheredModel {
  ModelFiles files;
  std::string vision_stored;  // where the vision file lies that was taken; empty: none
};

// The one model among GGUF files: kNotFound where there is none or a part is missing, kInvalid where there are several,
// and what is wrong with it. A vision file that does not fit is left out, and the choice says why. What is not asked
// for stays closed.
Result<GatheredModel> GatherModel(Storage* storage, const std::vector<ModelPlace>& places);

}  // namespace thimble::common
