// SPDX-License-Identifier: Apache-2.0
#include "common/model_shelf.h"

#include "base/text.h"
#include "common/gather_files.h"
#include "common/model_places.h"
#include "common/pack_state.h"
#include "common/stored_source.h"
#include "host/model_folder.h"
#include "sys/machine.h"

#include <algorithm>
#include <utility>

namespace thimble::common {

namespace {

bool LooksLikeVision(const std::string& name) { return AsciiLower(name).find("mmproj") != std::string::npos; }

}  // namespace

StoredModelShelf::StoredModelShelf(Storage* storage, EngineOptions how, std::function<void(std::uint64_t)> reserve,
                                   std::function<void(const Engine&)> opened,
                                   std::function<void(const std::string&)> log)
    : storage_(storage),
      how_(std::move(how)),
      reserve_(std::move(reserve)),
      opened_(std::move(opened)),
      log_(std::move(log)) {}

std::vector<service::ShelfModel> StoredModelShelf::List() const {
  std::vector<service::ShelfModel> listed;
  const StorageContents contents = ReadContents(storage_->List());
  for (const auto& [name, model] : contents.models) {
    if (!model.is_whole) continue;
    listed.push_back({name, "", model.bytes, name == kBuiltinModel});
    if (!IsOutdated(name)) continue;
    listed.back().failure = AdviceFor(PackState::kOutdated, name, storage_->Owner());
    listed.back().failure_code = "outdated";
  }
  for (const StoredFile& file : contents.picked) {
    if (host::IsNamedLike(file.name, ".gguf") && !LooksLikeVision(file.name))
      listed.push_back({file.name, "", file.bytes, false});
  }
  return listed;
}

bool StoredModelShelf::IsOutdated(const std::string& name) const {
  {
    const MutexLock lock(&mutex_);
    if (current_.contains(name)) return false;
  }
  if (StateOfPack(storage_, name) == PackState::kOutdated) return true;
  const MutexLock lock(&mutex_);
  current_.insert(name);
  return false;
}

Result<ModelFiles> StoredModelShelf::StoredFiles(const std::string& name, bool has_vision) const {
  ModelFiles files;
  THIMBLE_ASSIGN_OR_RETURN(auto source, OpenStoredSource(storage_, PackPlace(name)));
  THIMBLE_ASSIGN_OR_RETURN(auto text, ModelFile::FromGguf(std::move(source), name));
  files.text = std::make_shared<const ModelFile>(std::move(text));
  files.vision_choice.why = "no vision file (mmproj) came with the model";
  if (!has_vision) return files;
  THIMBLE_ASSIGN_OR_RETURN(auto vision_source, OpenStoredSource(storage_, VisionPlace(name)));
  const std::string shown = Cat(name, "'s vision file");
  THIMBLE_ASSIGN_OR_RETURN(auto vision, ModelFile::FromGguf(std::move(vision_source), shown));
  files.vision = std::make_shared<const ModelFile>(std::move(vision));
  files.vision_choice = {shown, "the vision file that came with the model", {}, false};
  files.vision_choice.is_found = true;
  return files;
}

// With the vision file that was picked beside it.
Result<ModelFiles> StoredModelShelf::PickedFiles(const std::string& name, const std::vector<StoredFile>& picked) const {
  std::vector<ModelPlace> places = {{Cat(kPickedFolder, name), name}};
  for (const StoredFile& file : picked) {
    if (LooksLikeVision(file.name)) places.push_back({Cat(kPickedFolder, file.name), file.name});
  }
  THIMBLE_ASSIGN_OR_RETURN(GatheredModel gathered, GatherModel(storage_, places));
  return std::move(gathered.files);
}

Result<ModelFiles> StoredModelShelf::FilesOf(const std::string& name) const {
  const StorageContents contents = ReadContents(storage_->List());
  if (const auto model = contents.models.find(name); model != contents.models.end() && model->second.is_whole)
    return StoredFiles(name, model->second.has_vision);
  const bool is_picked = std::any_of(contents.picked.begin(), contents.picked.end(),
                                     [&](const StoredFile& file) { return file.name == name; });
  if (is_picked) return PickedFiles(name, contents.picked);
  return Error{Code::kNotFound, Cat("[store] there is no model ", EscapeControls(name))};
}

// A pack that cannot be read is told of in words that help: nobody but the storage has changed it since it was checked.
Result<std::shared_ptr<const Engine>> StoredModelShelf::Open(const std::string& name,
                                                             const std::function<bool(double share)>& progress) {
  auto opened = OpenFiles(name, progress);
  if (opened.ok()) return opened;
  const Code code = opened.error().code;
  const StorageContents contents = ReadContents(storage_->List());
  const auto model = contents.models.find(name);
  const bool is_pack = model != contents.models.end() && model->second.is_whole;
  if (!is_pack || (code != Code::kCorrupt && code != Code::kUnsupported)) return opened;
  log_(Cat(EscapeControls(name), ": ", opened.error().message));
  const PackState state = StateOfPack(storage_, name);
  if (state == PackState::kOutdated) return Error{Code::kUnsupported, AdviceFor(state, name, storage_->Owner())};
  // What is unsupported besides was no model when it came, either.
  return Error{Code::kCorrupt, AdviceFor(PackState::kDamaged, name, storage_->Owner())};
}

Result<std::shared_ptr<const Engine>> StoredModelShelf::OpenFiles(const std::string& name,
                                                                  const std::function<bool(double share)>& progress) {
  const double begin = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(ModelFiles files, FilesOf(name));
  files.seconds = MonotonicSeconds() - begin;
  EngineOptions how = how_;
  how.progress = progress;
  if (reserve_) reserve_(files.text->total_bytes());
  THIMBLE_ASSIGN_OR_RETURN(auto engine, Engine::Open(files, how));
  if (opened_) opened_(*engine);
  return engine;
}

}  // namespace thimble::common
