// SPDX-License-Identifier: Apache-2.0
// Where a model lies in a storage, whose names are flat:
//
//   NAME/model.pack               a model: a whole pack (files/whole_pack.h)
//   NAME/vision.gguf              its vision file, as it came
//   NAME/.upload/FILE             of a model on its way: a file that came whole
//   NAME/.upload/FILE.TOTAL.part  one of which some bytes came
//   NAME/.pack                    a pack that is being made
//   NAME/.deleted                 the pack of a model that is being deleted
//   picked/FILE                   from a file chooser: to be read, and gone with who chose it
#pragma once

#include "common/storage.h"
#include "service/carrier_parts.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::common {

std::string PackPlace(const std::string& model);
std::string VisionPlace(const std::string& model);
std::string MakingPlace(const std::string& model);
std::string DeletedPlace(const std::string& model);
std::string UploadPlace(const std::string& model, const std::string& file);

// What is there of one model.
struct StoredModel {
  bool is_whole = false;  // it has its pack
  bool has_vision = false;
  bool has_making = false;   // half a pack
  bool is_deleted = false;   // it is being deleted
  std::uint64_t bytes = 0;   // of pack and vision file
  std::uint64_t making = 0;  // bytes of the half pack
  std::vector<service::ModelFileState> uploads;
};

struct StorageContents {
  std::map<std::string, StoredModel> models;
  std::vector<StoredFile> picked;  // names without "picked/"
};

// What the listed files are. Those of names that nothing here gives are left alone.
StorageContents ReadContents(const std::vector<StoredFile>& files);

// The name of the model that came with the program: nobody sends or deletes one of this name.
inline constexpr std::string_view kBuiltinModel = "builtin";
inline constexpr std::string_view kPickedFolder = "picked/";

}  // namespace thimble::common
