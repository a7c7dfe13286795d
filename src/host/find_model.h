// SPDX-License-Identifier: Apache-2.0
// From a path to a model: its files, its vision file, and engines over them.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/model_files.h"

#include <memory>
#include <string>

namespace thimble::host {

struct FindOptions {
  std::string mmproj;  // vision GGUF; empty: found beside the model (host/find_vision.h says which)
};

// The files of the model at `path` (host/open_model_file.h says what that may be), and its vision file. Errors are
// those of finding and parsing them; whether they fit together Engine::Open tells, but for vision files that nobody
// asked for: one that does not fit is left out, and the choice says why.
Result<ModelFiles> FindModel(const std::string& path, const FindOptions& options = {});

// How to open the model at a path.
struct OpenOptions : EngineOptions {
  std::string model;   // .gguf file, safetensors file or folder
  std::string mmproj;  // as FindOptions'
};
// FindModel, and then Engine's functions. An mmproj asked for by name that does not fit is an error; one found beside
// the model that does not fit is a warning and no pictures.
Result<std::shared_ptr<const Engine>> OpenModel(const OpenOptions& options);
Result<Engine::Description> DescribeModel(const OpenOptions& options);
// The text half of the model at `path`: a folder with tokenizer.json and its template, or a vocabulary-only GGUF, will
// do.
Result<TextModel> OpenTextModel(const std::string& path);

}  // namespace thimble::host
