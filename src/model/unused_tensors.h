// SPDX-License-Identifier: Apache-2.0
// What a model's files hold beyond the weights that loading takes: harmless, strange, or something that would change
// what the model computes. Nothing is left out in silence.
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "model/config.h"

#include <span>
#include <string>
#include <vector>

namespace thimble {

struct UnusedTensor {
  enum class Kind {
    kHarmless,  // known to change nothing, or said already
    kStrange,   // not known; a warning names it
    kRefused,   // would change what the weights mean: such a model is not run
  };
  Kind kind = Kind::kStrange;
  std::string name;
  std::string why;   // one clause for people
  std::string path;  // of the model file, as it was given
};

// Judges by its name a tensor of `file` that loading with `config` does not look at. `is_vision_file`: `file` is the
// one given for its tower; `vision` is that file, or nullptr.
UnusedTensor JudgeUnused(const std::string& name, const ModelFile& file, bool is_vision_file, const ModelFile* vision,
                         const ModelConfig& config);

// kUnsupported, naming the first tensor that is to be refused, if there is one.
Status CheckUnused(std::span<const UnusedTensor> unused);
// One warning for all strange ones, naming the first few; none where there are none. `warnings` may be nullptr.
void WarnOfUnused(std::span<const UnusedTensor> unused, std::vector<std::string>* warnings);

}  // namespace thimble
