// SPDX-License-Identifier: Apache-2.0
// Packs as files: beside the model, or in a folder for caches where the model's own cannot be written.
#pragma once

#include "files/model_file.h"
#include "model/pack_store.h"
#include "sys/replacement_file.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::host {

// The packs of MODEL are MODEL.thimble-VARIANT, else FOLDER/NAME.thimble-VARIANT. `folder` is made when it is needed;
// empty: there is none. Several programs may use the same files at once.
std::shared_ptr<const PackStore> FolderPackStore(std::string folder);

// A pack that becomes `path` when it is complete.
std::unique_ptr<PackSink> FileSink(std::string path, std::unique_ptr<ReplacementFile> file);

// Where packs of `model` may lie, best first; none for a model that is no file.
std::vector<std::string> PackPaths(const ModelFile& model, std::string_view variant, const std::string& folder);
// Those that are there, of any variant; whether they still fit only loading tells.
std::vector<std::string> FindPacks(const ModelFile& model, const std::string& folder);

}  // namespace thimble::host
