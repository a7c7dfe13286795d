// SPDX-License-Identifier: Apache-2.0
#include "common/settling.h"

#include "base/text.h"
#include "common/model_places.h"
#include "common/stored_source.h"
#include "engine/engine.h"
#include "engine/text_model.h"
#include "model/unused_tensors.h"
#include "service/upload_rules.h"

#include <algorithm>
#include <utility>

namespace thimble::common {

namespace {

// What the pack takes beyond the files it is made from: nothing, but for its table.
constexpr std::uint64_t kTableBytes = std::uint64_t{1} << 20;

}  // namespace

Settling::Settling(Storage* storage, std::string model, int threads, std::function<std::uint64_t()> free_memory)
    : storage_(storage), model_(std::move(model)), pool_(threads), free_memory_(std::move(free_memory)) {}

Settling::~Settling() {
  if (state_ == State::kPack || state_ == State::kCheck) Drop();
}

// Half a pack goes.
void Settling::Drop() {
  maker_.reset();
  made_.reset();
  if (std::exchange(pack_, nullptr) != nullptr || state_ == State::kCheck) (void)storage_->Delete(MakingPlace(model_));
}

Result<std::optional<std::string>> Settling::Step() {
  auto step = TakeStep();
  if (!step.ok()) {
    Drop();
    state_ = State::kBegin;
    gathered_.reset();
  }
  return step;
}

Result<std::optional<std::string>> Settling::TakeStep() {
  switch (state_) {
    case State::kBegin:
      return Begin();
    case State::kPack:
      THIMBLE_RETURN_IF_ERROR(Pack());
      return std::optional<std::string>();
    case State::kCheck:
      THIMBLE_RETURN_IF_ERROR(Check());
      return std::optional<std::string>();
    case State::kName:
      THIMBLE_RETURN_IF_ERROR(Name());
      return std::optional<std::string>();
    case State::kClean:
      THIMBLE_RETURN_IF_ERROR(Clean());
      return std::optional<std::string>("");
  }
  return std::optional<std::string>("");
}

Result<std::optional<std::string>> Settling::Begin() {
  std::vector<ModelPlace> places;
  StorageContents contents = ReadContents(storage_->List());
  for (const auto& file : contents.models[model_].uploads) {
    if (file.is_whole) places.push_back({UploadPlace(model_, file.name), file.name});
  }
  // That of a pack whose place this one takes. One that came now goes first.
  if (contents.models[model_].has_vision) places.push_back({VisionPlace(model_), "vision-mmproj.gguf"});
  auto gathered = GatherModel(storage_, places);
  if (!gathered.ok() && gathered.error().code == Code::kNotFound) return std::optional(gathered.error().message);
  if (!gathered.ok()) return gathered.error();
  gathered_ = std::move(gathered).value();
  const ModelFiles& files = gathered_->files;
  // All that opening would find wrong is told before anything is written.
  EngineOptions how;
  how.check_memory = false;
  how.threads = 1;
  THIMBLE_ASSIGN_OR_RETURN(Engine::Description described, Engine::Describe(files, how));
  config_ = std::move(described.config);
  THIMBLE_RETURN_IF_ERROR(CheckUnused(FindUnusedTensors(*files.text, files.vision.get(), config_)));
  THIMBLE_RETURN_IF_ERROR(CheckTensors(*files.text, files.vision.get(), config_));
  THIMBLE_RETURN_IF_ERROR(ReadTextModel(*files.text));
  THIMBLE_RETURN_IF_ERROR(CheckRoom());
  THIMBLE_ASSIGN_OR_RETURN(pack_, storage_->Open(MakingPlace(model_), true));
  state_ = State::kPack;
  THIMBLE_RETURN_IF_ERROR(pack_->Truncate(0));
  written_ = 0;
  LoadOptions load;
  load.pool = &pool_;
  // The tower stays as it is: what it is packed into is not the same for all modules.
  load.tower_floats = kernels::Family::kFileRows;
  THIMBLE_ASSIGN_OR_RETURN(maker_, PackMaker::Begin(*files.text, files.vision.get(), config_, load, PackedFile::kText,
                                                    [this](std::span<const std::byte> bytes) -> Status {
                                                      THIMBLE_RETURN_IF_ERROR(pack_->WriteAt(written_, bytes));
                                                      written_ += bytes.size();
                                                      return Done{};
                                                    }));
  return std::optional<std::string>();
}

// In the storage for the pack beside its source, and in memory for a matrix before and after.
Status Settling::CheckRoom() const {
  const ModelFile& text = *gathered_->files.text;
  const std::uint64_t pack = text.total_bytes() + kTableBytes;
  if (const auto free = storage_->FreeBytes(); free.has_value() && *free < pack) {
    return Error{Code::kExhausted, Cat("[store] the model as it is kept takes ", FormatBytes(pack),
                                       " beside its file until that goes, the ", storage_->Owner(), " has ",
                                       FormatBytes(*free), " free: make room")};
  }
  std::uint64_t largest = 0;
  for (const TensorEntry& tensor : text.tensors()) largest = std::max(largest, tensor.size_bytes);
  const std::uint64_t free = free_memory_ ? free_memory_() : 0;
  if (const std::uint64_t needed = 2 * largest; free != 0 && needed > free) {
    return Error{Code::kExhausted, Cat("[store] packing the model needs ", FormatBytes(needed), " of memory, ",
                                       FormatBytes(free), " are free: close the model that is open")};
  }
  return Done{};
}

Status Settling::Pack() {
  THIMBLE_ASSIGN_OR_RETURN(const bool is_over, maker_->Step());
  if (!is_over) return Done{};
  THIMBLE_RETURN_IF_ERROR(pack_->Flush());
  maker_.reset();
  pack_.reset();
  state_ = State::kCheck;
  THIMBLE_ASSIGN_OR_RETURN(made_, OpenStoredSource(storage_, MakingPlace(model_)));
  THIMBLE_ASSIGN_OR_RETURN(table_, ParsePackFile(*made_));
  next_entry_ = 0;
  return Done{};
}

// Whether what the storage gives back is what was written: its source is deleted for it.
Status Settling::Check() {
  if (next_entry_ < table_.entries.size()) {
    const PackedEntry& entry = table_.entries[next_entry_++];
    THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, made_->View(entry.offset, entry.size_bytes));
    if (PackChecksum(bytes.span(), &pool_) == entry.checksum) return Done{};
    return Error{Code::kSystem, Cat("[store] the ", storage_->Owner(),
                                    "'s storage gives back other bytes than were written: try again")};
  }
  made_.reset();
  state_ = State::kName;
  return Done{};
}

// The pack's name comes last: with it the model is there.
Status Settling::Name() {
  const std::string vision = gathered_->vision_stored;
  drops_vision_ = gathered_->files.vision_choice.is_refusal;
  gathered_.reset();  // which has the files open
  const std::string place = VisionPlace(model_);
  if (!vision.empty() && vision != place) THIMBLE_RETURN_IF_ERROR(storage_->Rename(vision, place));
  THIMBLE_RETURN_IF_ERROR(storage_->Rename(MakingPlace(model_), PackPlace(model_)));
  state_ = State::kClean;
  return Done{};
}

Status Settling::Clean() {
  StorageContents contents = ReadContents(storage_->List());
  // One that the model had before, and that does not fit the weights that took the place of its own.
  if (drops_vision_ && contents.models[model_].has_vision)
    THIMBLE_RETURN_IF_ERROR(storage_->Delete(VisionPlace(model_)));
  for (const auto& file : contents.models[model_].uploads) {
    const std::string name = file.is_whole ? file.name : service::PartName(file.name, file.total);
    THIMBLE_RETURN_IF_ERROR(storage_->Delete(UploadPlace(model_, name)));
  }
  return Done{};
}

}  // namespace thimble::common
