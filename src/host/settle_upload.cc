// SPDX-License-Identifier: Apache-2.0
#include "host/settle_upload.h"

#include "base/text.h"
#include "engine/engine.h"
#include "files/gguf.h"
#include "files/json.h"
#include "files/safetensors.h"
#include "host/atomic_file.h"
#include "host/find_model.h"
#include "host/import.h"
#include "host/model_folder.h"
#include "host/store.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace thimble::host {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPlace = "store";

Error WithoutFolder(Error error, const std::string& folder) {
  for (const std::string& gone : {folder + "/", folder + ": ", folder}) {
    for (std::size_t at = error.message.find(gone); at != std::string::npos; at = error.message.find(gone, at))
      error.message.erase(at, gone.size());
  }
  return error;
}

// What a file can be by itself.
enum class FileRole {
  kWhole,  // a model: there is nothing to wait for
  kPart,   // a part of one, or what lies beside it
};

Result<FileRole> LookAtGguf(const std::string& path, const std::string& name) {
  THIMBLE_ASSIGN_OR_RETURN(const auto source, MapFile(path));
  THIMBLE_ASSIGN_OR_RETURN(const HeldGgufHeader held, ReadGgufHeader(*source));
  const Metadata& metadata = held.header.metadata;
  const bool is_part = metadata.Int("split.count").value_or(1) > 1 || IsVisionFile(name, LabelOf(metadata));
  return is_part ? FileRole::kPart : FileRole::kWhole;
}

// Parses what the file says that it is: its header, where that can be long the weights behind it.
Result<FileRole> LookAt(const std::string& path, const std::string& name) {
  constexpr std::uint64_t kMostText = std::uint64_t{64} << 20;
  if (IsNamedLike(name, ".gguf")) return LookAtGguf(path, name);
  if (IsNamedLike(name, ".safetensors")) {
    THIMBLE_ASSIGN_OR_RETURN(const auto source, MapFile(path));
    THIMBLE_RETURN_IF_ERROR(ReadSafetensorsHeader(*source));
    return FileRole::kPart;
  }
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, kMostText));
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (IsNamedLike(name, ".json")) THIMBLE_RETURN_IF_ERROR(Json::Parse(text, name));
  return FileRole::kPart;
}

Result<Json> ReadManifest(const std::string& folder) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 20;
  const std::string path = Cat(folder, "/", kManifestName);
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, kMost));
  return Json::Parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

// The files that are there whole, with the hashes that are known.
std::vector<Json> ManifestFiles(const WholeFile& added) {
  std::vector<Json> entries;
  const auto names = NamesInFolder(added.folder);
  if (!names.ok()) return entries;
  auto hashes = HashesInManifest(added.folder);
  hashes[added.name] = added.sha256;
  for (const std::string& name : names.value()) {
    if (name == kManifestName || name.ends_with(".part")) continue;
    std::error_code none;
    const auto bytes = fs::file_size(Cat(added.folder, "/", name), none);
    Json entry = Json::Object(
        {{"path", Json::String(name)}, {"bytes", Json::Integer(none ? 0 : static_cast<std::int64_t>(bytes))}});
    if (const auto hash = hashes.find(name); hash != hashes.end()) entry.Set("sha256", Json::String(hash->second));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Status WriteManifest(const WholeFile& added, const VisionChoice& vision) {
  const Json mmproj = Json::Object(
      {{"path", vision.path.empty() ? Json() : Json::String(NameOf(vision.path))}, {"why", Json::String(vision.why)}});
  const Json manifest = Json::Object({{"name", Json::String(added.model)},
                                      {"files", Json::Array(ManifestFiles(added))},
                                      {"mmproj", mmproj},
                                      {"imported_as", Json::String("upload")},
                                      {"date", Json::String(Today())}});
  return WriteFileAtomically(Cat(added.folder, "/", kManifestName), manifest.Dump(Json::Style::kPretty) + "\n");
}

Status GiveName(const WholeFile& file) {
  const auto names = NamesInFolder(file.folder);
  for (const std::string& name : names.ok() ? names.value() : std::vector<std::string>()) {
    if (name.ends_with(".part")) unlink(Cat(file.folder, "/", name).c_str());  // the model does without it
  }
  const std::string target = Cat(ModelsFolder(), "/", file.model);
  std::error_code error;
  fs::rename(file.folder, target, error);
  if (error) return SystemError(kPlace, "cannot create", file.model, error.value());
  // The new name itself is to survive a power cut, too.
  if (const int fd = open(ModelsFolder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); fd >= 0) {
    fsync(fd);
    close(fd);
  }
  return Done{};
}

Result<std::string> Settle(const WholeFile& file) {
  const std::string path = Cat(file.folder, "/", file.name);
  THIMBLE_ASSIGN_OR_RETURN(const FileRole role, LookAt(file.path, file.name));
  std::error_code error;
  fs::rename(file.path, path, error);
  if (error) return SystemError(kPlace, "cannot create", file.name, error.value());
  OpenOptions open;
  open.model = file.folder;
  open.check_memory = false;
  const auto described = DescribeModel(open);
  if (!described.ok() && role == FileRole::kWhole) return described.error();
  THIMBLE_RETURN_IF_ERROR(WriteManifest(file, described.ok() ? described.value().vision_choice : VisionChoice()));
  if (!described.ok()) return described.error().message;
  if (described.value().text_file->tensors().empty()) return std::string("[folder] its weights are missing");
  THIMBLE_RETURN_IF_ERROR(GiveName(file));
  return std::string();
}

}  // namespace

std::map<std::string, std::string> HashesInManifest(const std::string& folder) {
  std::map<std::string, std::string> hashes;
  const auto manifest = ReadManifest(folder);
  const Json* const files = manifest.ok() ? manifest.value().Find("files") : nullptr;
  if (files == nullptr) return hashes;
  for (const Json& entry : files->items()) {
    const Json* const path = entry.Find("path");
    const Json* const hash = entry.Find("sha256");
    if (path != nullptr && path->IsString() && hash != nullptr && hash->IsString())
      hashes.emplace(path->text(), hash->text());
  }
  return hashes;
}

Result<std::string> SettleFile(const WholeFile& file) {
  auto settled = Settle(file);
  if (settled.ok()) return WithoutFolder(Error{Code::kInvalid, std::move(settled).value()}, file.folder).message;
  std::error_code none;
  fs::remove(file.path, none);
  fs::remove(Cat(file.folder, "/", file.name), none);
  fs::remove(file.folder, none);  // where nothing else is in it
  return WithoutFolder(settled.error(), file.folder);
}

}  // namespace thimble::host
