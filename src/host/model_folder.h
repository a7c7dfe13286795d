// SPDX-License-Identifier: Apache-2.0
// Folders as people have them: which of their files are models, which are vision files, and why there may be none.
#pragma once

#include "files/gguf.h"

#include <string>
#include <string_view>
#include <vector>

namespace thimble::host {

// Whether the name ends like that, in letters of any case, and is no hidden one (macOS lays "._model.gguf" beside
// files).
bool IsNamedLike(const std::string& name, std::string_view ending);

// What the GGUF file at `path` says it is; all empty where it cannot be read. Reads a few kilobytes.
GgufLabel LabelOfFile(const std::string& path);

// Whether a GGUF file is a vision file (mmproj): by its header, and where that says nothing by its name.
bool IsVisionFile(const std::string& path, const GgufLabel& label);

// What is in a folder that holds no model, for the end of a sentence that says so: "; model.gguf.part is a download
// that is not finished ...". Empty where there is nothing to say.
std::string WhyNoModel(const std::string& folder);

}  // namespace thimble::host
