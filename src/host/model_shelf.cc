// SPDX-License-Identifier: Apache-2.0
#include "host/model_shelf.h"

#include "base/text.h"
#include "host/pictures.h"
#include "host/store.h"
#include "sys/machine.h"

#include <filesystem>
#include <utility>

namespace thimble::host {

namespace {

// The store is read again no more often, unless a model came or went.
constexpr double kListSeconds = 1;

service::ShelfModel ShelfModelOf(const Json& item) {
  service::ShelfModel model;
  const auto text = [&](const char* key) {
    const Json* value = item.Find(key);
    return value != nullptr && value->IsString() ? value->text() : std::string();
  };
  model.name = text("name");
  model.title = text("title");
  const Json* const bytes = item.Find("bytes");
  if (bytes != nullptr) model.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, bytes->AsInt().value_or(0)));
  model.is_builtin = model.name == "builtin";
  return model;
}

// Clients see no paths of this machine: files are named by their last part.
Error WithoutFolders(Error error, const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) return error;
  if (folder.back() != '/') folder += '/';
  for (std::size_t at = error.message.find(folder); at != std::string::npos; at = error.message.find(folder, at))
    error.message.erase(at, folder.size());
  return error;
}

}  // namespace

std::string ShelfName(const std::string& asked, const std::string& path) {
  if (asked.empty() || asked == "builtin") return "builtin";
  if (IsPlainName(asked) && !std::filesystem::exists(asked)) return asked;
  std::filesystem::path file(path);
  if (!file.has_filename()) file = file.parent_path();  // "folder/"
  const std::string ending = AsciiLower(file.extension().string());
  const bool is_file = ending == ".gguf" || ending == ".safetensors" || ending == ".thimble" || ending == ".bin";
  return (is_file ? file.stem() : file.filename()).string();
}

FileModelShelf::FileModelShelf(OpenOptions how, std::string name, std::function<void(const Engine&)> opened)
    : how_(std::move(how)), name_(std::move(name)), opened_(std::move(opened)) {}

std::vector<service::ShelfModel> FileModelShelf::List() const {
  const MutexLock lock(&mutex_);
  const FileStamp folder(ModelsFolder());
  if (listed_at_ >= 0 && MonotonicSeconds() - listed_at_ < kListSeconds && folder == listed_of_) return listed_;
  listed_.clear();
  bool has_named = false;
  for (const Json& item : ListModels()) {
    listed_.push_back(ShelfModelOf(item));
    has_named = has_named || listed_.back().name == name_;
  }
  if (!has_named) {
    service::ShelfModel model;
    model.name = name_;
    std::error_code none;
    const auto bytes = std::filesystem::file_size(how_.model, none);
    if (!none) model.bytes = bytes;
    listed_.insert(listed_.begin(), std::move(model));
  }
  listed_at_ = MonotonicSeconds();
  listed_of_ = folder;
  return listed_;
}

Result<std::string> FileModelShelf::PathOf(const std::string& name) const {
  if (name == name_) return how_.model;
  // Only what is listed: a name is no path.
  for (const service::ShelfModel& model : List()) {
    if (model.name != name) continue;
    ModelSearch found = FindModelByName(name);
    if (found.error.has_value()) return *found.error;
    return found.path;
  }
  return Error{Code::kNotFound, Cat("[store] there is no model ", name)};
}

Result<std::shared_ptr<const Engine>> FileModelShelf::Open(const std::string& name,
                                                           const std::function<bool(double share)>& progress) {
  OpenOptions how = how_;
  THIMBLE_ASSIGN_OR_RETURN(how.model, PathOf(name));
  if (name != name_) how.mmproj.clear();  // which belongs to the other one
  how.progress = progress;
  auto engine = OpenModel(how);
  if (!engine.ok()) return WithoutFolders(engine.error(), how.model);
  if (opened_) opened_(*engine.value());
  return engine;
}

Result<Picture> CodecPictureDecoder::Decode(std::string_view bytes, const std::string& place) {
  return PictureFromBytes(bytes, place, how_);
}

}  // namespace thimble::host
