// SPDX-License-Identifier: Apache-2.0
// What becomes of a file that has come whole: looked at by the loader, then kept, and with it perhaps a model.
#pragma once

#include "base/result.h"

#include <map>
#include <string>
#include <string_view>

namespace thimble::host {

inline constexpr std::string_view kManifestName = "manifest.json";

struct WholeFile {
  std::string model;   // its name
  std::string folder;  // of the model's files until it has that name
  std::string name;    // of this file
  std::string path;    // where it lies now, in the folder
  std::string sha256;
};

// Gives the file its name, and the folder the model's where the loader can open it. Returns why it is no model yet
// ("part 2 of 3 is missing"); empty: it is one. kCorrupt, kInvalid, kUnsupported: the file is none that a model is made
// of, and is gone; kSystem, kExhausted. Messages have no paths.
Result<std::string> SettleFile(const WholeFile& file);

// The SHA-256 of the files in `folder` by their names, as its manifest says them.
std::map<std::string, std::string> HashesInManifest(const std::string& folder);

}  // namespace thimble::host
