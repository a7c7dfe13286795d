// SPDX-License-Identifier: Apache-2.0
#include "common/model_places.h"

#include "base/text.h"
#include "service/upload_rules.h"

#include <utility>

namespace thimble::common {

namespace {

constexpr std::string_view kPack = "model.pack";
constexpr std::string_view kVision = "vision.gguf";
constexpr std::string_view kMaking = ".pack";
constexpr std::string_view kDeleted = ".deleted";
constexpr std::string_view kUpload = ".upload/";

void TakeFile(const std::string& name, std::uint64_t bytes, StoredModel* model) {
  if (name == kPack) {
    model->is_whole = true;
    model->bytes += bytes;
  } else if (name == kVision) {
    model->has_vision = true;
    model->bytes += bytes;
  } else if (name == kMaking) {
    model->has_making = true;
    model->making = bytes;
  } else if (name == kDeleted) {
    model->is_deleted = true;
  } else if (name.starts_with(kUpload)) {
    auto state = service::ReadUploadName(name.substr(kUpload.size()));
    if (!state.has_value() || !service::IsPlainName(state->name)) return;
    state->bytes = bytes;
    if (state->is_whole) state->total = bytes;
    model->uploads.push_back(*std::move(state));
  }
}

bool IsOurs(std::string_view name) {
  return name == kPack || name == kVision || name == kMaking || name == kDeleted || name.starts_with(kUpload);
}

}  // namespace

std::string PackPlace(const std::string& model) { return Cat(model, "/", kPack); }
std::string VisionPlace(const std::string& model) { return Cat(model, "/", kVision); }
std::string MakingPlace(const std::string& model) { return Cat(model, "/", kMaking); }
std::string DeletedPlace(const std::string& model) { return Cat(model, "/", kDeleted); }
std::string UploadPlace(const std::string& model, const std::string& file) { return Cat(model, "/", kUpload, file); }

StorageContents ReadContents(const std::vector<StoredFile>& files) {
  StorageContents contents;
  for (const StoredFile& file : files) {
    const std::size_t slash = file.name.find('/');
    if (slash == std::string::npos) continue;
    const std::string folder = file.name.substr(0, slash);
    const std::string name = file.name.substr(slash + 1);
    if (file.name.starts_with(kPickedFolder)) {
      contents.picked.push_back({name, file.bytes});
    } else if (service::IsPlainName(folder) && IsOurs(name)) {
      TakeFile(name, file.bytes, &contents.models[folder]);
    }
  }
  return contents;
}

}  // namespace thimble::common
