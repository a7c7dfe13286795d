// SPDX-License-Identifier: Apache-2.0
// Finds out in which form a model lies at a path, and opens all of its parts.
#pragma once

#include "base/result.h"
#include "files/model_file.h"

#include <string>

namespace thimble::host {

// `path` is a .gguf file (any shard of a split one opens them all), a .safetensors file (its folder is read), or a
// folder with safetensors, or with tokenizer.json alone (no tensors). A folder that holds exactly one GGUF model opens
// that, whatever vision files lie there. What a file holds counts, not its name. Errors name the file, and say what it
// is where it is no model (files/file_kind.h).
Result<ModelFile> OpenModelFile(const std::string& path);

}  // namespace thimble::host
