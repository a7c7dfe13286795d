// SPDX-License-Identifier: Apache-2.0
// The text half of a model, read from an opened file.
#pragma once

#include "engine/engine.h"

namespace thimble {

Result<TextModel> ReadTextModel(const ModelFile& file);

}  // namespace thimble
