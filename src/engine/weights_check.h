// SPDX-License-Identifier: Apache-2.0
// A look at a model's weights before they are loaded: whether they are there at all.
#pragma once

#include "base/result.h"
#include "files/model_file.h"

#include <string>

namespace thimble {

// Refuses what holds the text half of a model only, and says what lies there in place of weights: kNotFound for a
// folder, kUnsupported for a GGUF file. `what_is_there`: ModelFiles::why_no_weights.
Status CheckHasWeights(const ModelFile& text, const std::string& what_is_there);

// Refuses a GGUF file with holes, as a download leaves that makes room for the whole file first and is not finished:
// the weights of a norm, which stand all over the file, are never all zero in this form. kCorrupt, naming the tensor.
// Reads a few kilobytes a layer, which loading reads too.
Status CheckHasNoHoles(const ModelFile& file);

}  // namespace thimble
