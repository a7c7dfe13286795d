// SPDX-License-Identifier: Apache-2.0
// The text half of a model, read from an opened file.
#pragma once

#include "engine/engine.h"

namespace thimble {

// Needs no weights: side files with tokenizer.json and a template, or a vocabulary-only GGUF, will do.
Result<TextModel> ReadTextModel(const ModelFile& file);

}  // namespace thimble
