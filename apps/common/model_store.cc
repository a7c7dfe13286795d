// SPDX-License-Identifier: Apache-2.0
#include "common/model_store.h"

#include "base/sha256.h"
#include "base/text.h"
#include "common/pack_state.h"
#include "service/upload_rules.h"

#include <algorithm>
#include <span>
#include <utility>

namespace thimble::common {

using service::Fault;
using service::ModelFileState;
using service::ModelPiece;
using service::OrFault;
using service::PieceOutcome;

namespace {

// Read and hashed in one step of Finish.
constexpr std::size_t kStepBytes = std::size_t{8} << 20;

Fault FaultOfStorage(const Error& error) {
  Fault fault = service::FaultOf(error);
  if (error.code == Code::kExhausted) fault.status = 507;
  return fault;
}

std::string PlaceOf(const std::string& model, const ModelFileState& file) {
  return UploadPlace(model, file.is_whole ? file.name : service::PartName(file.name, file.total));
}

bool IsVisionName(const std::string& file) { return AsciiLower(file).find("mmproj") != std::string::npos; }

// Files of which nothing can be made, whatever comes besides.
bool IsNoModel(Code code) { return code == Code::kCorrupt || code == Code::kInvalid || code == Code::kUnsupported; }

}  // namespace

class StoredModelStore::Upload : public service::ModelUpload {
 public:
  Upload(StoredModelStore* store, std::unique_ptr<service::ModelClaims::Claim> claim, ModelPiece piece,
         std::unique_ptr<OpenFile> file)
      : store_(store), claim_(std::move(claim)), piece_(std::move(piece)), file_(std::move(file)), at_(piece_.begin) {}

  Status Take(std::span<const std::uint8_t> bytes) override {
    if (bytes.size() > piece_.end - at_) return service::TooManyBytes(piece_);
    Status status = file_->WriteAt(at_, std::as_bytes(bytes));
    if (status.ok()) {
      at_ += bytes.size();
      return status;
    }
    // What came of this piece is not counted on: the piece is sent again.
    (void)file_->Truncate(at_);
    is_full_ = status.error().code == Code::kExhausted;
    if (!is_full_) return status;
    return Error{Code::kExhausted, status.error().message + "; make room and go on with Content-Range"};
  }
  [[nodiscard]] int FailureStatus() const override { return is_full_ ? 507 : 0; }

  OrFault<std::optional<PieceOutcome>> Finish() override {
    if (at_ < piece_.end) return service::IncompleteBody(piece_, at_);
    PieceOutcome outcome;
    outcome.file = {piece_.file, at_, piece_.total, "", false};
    if (at_ < piece_.total) return std::optional(outcome);
    if (settling_ != nullptr) return Settle();
    const auto is_over = HashSome();
    if (!is_over.ok()) return FaultOfStorage(is_over.error());
    if (is_over.value()) THIMBLE_RETURN_IF_ERROR(TakeWhole());
    return std::optional<PieceOutcome>();
  }

 private:
  // Of some megabytes; true: that was the last of them.
  Result<bool> HashSome() {
    block_.resize(kStepBytes);
    THIMBLE_ASSIGN_OR_RETURN(const std::size_t count, file_->ReadAt(hashed_, block_));
    if (count == 0) return Error{Code::kSystem, "[storage] the file has become shorter"};
    hash_.Add(std::span<const std::byte>(block_).first(count));
    hashed_ += count;
    if (hashed_ < piece_.total) return false;
    THIMBLE_RETURN_IF_ERROR(file_->Flush());
    return true;
  }

  // The file is whole: it is looked at, gets its name, and is to be settled.
  OrFault<Done> TakeWhole() {
    block_ = {};
    file_.reset();
    const std::string part = UploadPlace(piece_.model, service::PartName(piece_.file, piece_.total));
    digest_ = hash_.Finish();
    if (!piece_.sha256.empty() && piece_.sha256 != digest_) {
      (void)store_->storage_->Delete(part);
      return service::WrongDigest(digest_, piece_.sha256);
    }
    const auto is_model = IsWholeModel(store_->storage_, {part, piece_.file});
    if (!is_model.ok()) {
      if (IsNoModel(is_model.error().code)) (void)store_->storage_->Delete(part);
      return InvalidModel(is_model.error());
    }
    is_model_ = is_model.value();
    if (const Status status = store_->storage_->Rename(part, UploadPlace(piece_.model, piece_.file)); !status.ok())
      return FaultOfStorage(status.error());
    settling_ = std::make_unique<Settling>(store_->storage_, piece_.model, store_->threads_, store_->free_memory_);
    return Done{};
  }

  OrFault<std::optional<PieceOutcome>> Settle() {
    auto step = settling_->Step();
    PieceOutcome outcome;
    outcome.file = {piece_.file, piece_.total, piece_.total, digest_, true};
    if (!step.ok()) {
      const Error& error = step.error();
      settling_.reset();
      if (!IsNoModel(error.code)) return FaultOfStorage(error);
      if (is_model_) {
        (void)store_->storage_->Delete(UploadPlace(piece_.model, piece_.file));
        return InvalidModel(error);
      }
      outcome.missing = error.message;
      return std::optional(std::move(outcome));
    }
    if (!step.value().has_value()) return std::optional<PieceOutcome>();
    outcome.is_model = step.value()->empty();
    outcome.missing = *std::move(step).value();
    settling_.reset();
    return std::optional(std::move(outcome));
  }

  static Fault InvalidModel(const Error& error) {
    Fault fault = FaultOfStorage(error);
    if (fault.status == 400) fault.code = "invalid_model";
    return fault;
  }

  StoredModelStore* store_;
  std::unique_ptr<service::ModelClaims::Claim> claim_;
  ModelPiece piece_;
  std::unique_ptr<OpenFile> file_;
  std::uint64_t at_;          // where the next byte belongs
  std::uint64_t hashed_ = 0;  // bytes of the whole file
  Sha256 hash_;
  std::vector<std::byte> block_;
  std::string digest_;
  bool is_full_ = false;
  bool is_model_ = false;  // by itself
  std::unique_ptr<Settling> settling_;
};

StoredModelStore::StoredModelStore(Storage* storage, int threads, std::function<std::uint64_t()> free_memory,
                                   std::function<void()> wake, std::function<void(const std::string&)> log)
    : storage_(storage),
      threads_(threads),
      free_memory_(std::move(free_memory)),
      wake_(std::move(wake)),
      log_(std::move(log)) {}

StoredModelStore::~StoredModelStore() = default;

bool StoredModelStore::IsThere(const std::string& name, const StoredModel& model) const {
  return model.is_whole && StateOfPack(storage_, name) == PackState::kReadable;
}

// For the rest of the file, and for the pack beside it: the file goes only when the pack is there.
std::optional<Fault> StoredModelStore::CheckRoom(const ModelPiece& piece) const {
  const auto free = storage_->FreeBytes();
  const std::uint64_t rest = piece.total - piece.begin;
  const bool is_packed = !IsVisionName(piece.file);
  const std::uint64_t needed = is_packed ? rest + piece.total : rest;
  if (!free.has_value() || needed <= *free) return std::nullopt;
  return service::NoRoomForFile(needed, *free, storage_->Owner());
}

OrFault<std::unique_ptr<service::ModelUpload>> StoredModelStore::Begin(const ModelPiece& piece) {
  if (auto fault = service::CheckPiece(piece); fault.has_value()) return *fault;
  if (!AsciiLower(piece.file).ends_with(".gguf")) {
    return Fault{400, "", "unsupported_file", "",
                 Cat("In the ", storage_->Owner(), " a model is a GGUF file: send one whose name ends in .gguf.")};
  }
  const std::string place = UploadPlace(piece.model, service::PartName(piece.file, piece.total));
  if (place.size() > kLongestName)
    return Fault{400, "", "invalid_name", "", "The names of the model and its file are too long together."};
  auto claim = claims_.Try(piece.model);
  const StoredModel model = ReadContents(storage_->List()).models[piece.model];
  if (IsThere(piece.model, model)) return service::ModelExists(piece.model);
  if (claim == nullptr) return service::ModelBusy(piece.model);
  if (auto fault = service::CheckBegin(piece, model.uploads); fault.has_value()) return *fault;
  for (const ModelFileState& file : model.uploads) {
    if (file.name != piece.file || (piece.begin > 0 && file.total == piece.total)) continue;
    if (const Status status = storage_->Delete(PlaceOf(piece.model, file)); !status.ok())
      return FaultOfStorage(status.error());
  }
  if (auto fault = CheckRoom(piece); fault.has_value()) return *fault;
  auto file = storage_->Open(place, true);
  if (!file.ok()) return FaultOfStorage(Error{Code::kExhausted, file.error().message});
  // What is there beyond the beginning is sent again.
  if (const Status status = file.value()->Truncate(piece.begin); !status.ok()) return FaultOfStorage(status.error());
  return std::unique_ptr<service::ModelUpload>(
      std::make_unique<Upload>(this, std::move(claim), piece, std::move(file).value()));
}

OrFault<ModelFileState> StoredModelStore::Find(const std::string& model, const std::string& file) const {
  if (auto fault = service::CheckPiece({model, file, 0, 1, 1, ""}); fault.has_value()) return *fault;
  StorageContents contents = ReadContents(storage_->List());
  for (ModelFileState& state : contents.models[model].uploads) {
    if (state.name != file) continue;
    if (state.is_whole) {
      is_asked_after_ = true;
      wake_();
    }
    return std::move(state);
  }
  return service::NoSuchFile(model, file);
}

std::vector<service::UnfinishedModel> StoredModelStore::Unfinished() const {
  std::vector<service::UnfinishedModel> unfinished;
  StorageContents contents = ReadContents(storage_->List());
  for (auto& [name, model] : contents.models) {
    if (model.is_deleted || model.uploads.empty() || IsThere(name, model)) continue;
    std::uint64_t total = 0;
    for (const ModelFileState& file : model.uploads) total = std::max(total, file.total);
    if (model.has_making)
      model.uploads.push_back({"model.pack", model.making, std::max(total, model.making), "", false});
    unfinished.push_back({name, std::move(model.uploads)});
  }
  return unfinished;
}

OrFault<Done> StoredModelStore::Delete(const std::string& model) {
  const auto claim = claims_.Try(model);
  const auto contents = ReadContents(storage_->List());
  const auto found = contents.models.find(model);
  if (found == contents.models.end() || found->second.is_deleted || model == kBuiltinModel)
    return service::NoSuchModel(model);
  if (claim == nullptr) return service::ModelBusy(model);
  // Gone at once for everybody; half of a model is never seen.
  Status status = Done{};
  StoredModel left = found->second;
  if (left.is_whole) {
    status = storage_->Rename(PackPlace(model), DeletedPlace(model));
    if (!status.ok()) return FaultOfStorage(status.error());
    left.is_whole = false;
    left.is_deleted = true;
  }
  const auto remove = [&](const std::string& place) {
    if (const Status removed = storage_->Delete(place); !removed.ok() && status.ok()) status = removed;
  };
  if (left.has_vision) remove(VisionPlace(model));
  if (left.has_making) remove(MakingPlace(model));
  for (const ModelFileState& file : left.uploads) remove(PlaceOf(model, file));
  if (left.is_deleted) remove(DeletedPlace(model));
  if (!status.ok()) return FaultOfStorage(status.error());
  Queue();  // there may be room now
  return Done{};
}

void StoredModelStore::Recover() {
  const StorageContents contents = ReadContents(storage_->List());
  for (const auto& [name, model] : contents.models) RecoverModel(name, model);
  Queue();
}

void StoredModelStore::RecoverModel(const std::string& name, const StoredModel& model) {
  const auto remove = [&](const std::string& place) {
    if (const Status removed = storage_->Delete(place); !removed.ok()) log_(removed.error().message);
  };
  if (model.has_making) remove(MakingPlace(name));
  if (model.is_deleted || (!model.uploads.empty() && IsThere(name, model))) {
    for (const ModelFileState& file : model.uploads) remove(PlaceOf(name, file));
  }
  if (model.is_deleted) {
    if (model.has_vision) remove(VisionPlace(name));
    remove(DeletedPlace(name));
  } else if (!model.is_whole && model.has_vision) {
    // It had its place already when the pack did not get its own.
    const Status back = storage_->Rename(VisionPlace(name), UploadPlace(name, "vision-mmproj.gguf"));
    if (!back.ok()) log_(back.error().message);
  }
}

// Models whose weights are whole, and that nobody is at. Of what has only its vision file nothing is made yet, and who
// sends the weights next is not to find somebody at it.
void StoredModelStore::Queue() {
  const StorageContents contents = ReadContents(storage_->List());
  for (const auto& [name, model] : contents.models) {
    const bool has_whole = std::any_of(model.uploads.begin(), model.uploads.end(), [](const ModelFileState& file) {
      return file.is_whole && !IsVisionName(file.name);
    });
    const bool is_known = std::find(to_settle_.begin(), to_settle_.end(), name) != to_settle_.end();
    if (has_whole && !is_known && !claims_.Has(name) && !IsThere(name, model)) to_settle_.push_back(name);
  }
}

bool StoredModelStore::Help() {
  if (settling_ == nullptr) {
    if (is_asked_after_.exchange(false)) Queue();
    if (to_settle_.empty()) return false;
    const std::string name = std::move(to_settle_.front());
    to_settle_.pop_front();
    settling_claim_ = claims_.Try(name);
    if (settling_claim_ != nullptr) settling_ = std::make_unique<Settling>(storage_, name, threads_, free_memory_);
    return true;
  }
  const auto step = settling_->Step();
  if (step.ok() && !step.value().has_value()) return true;
  if (!step.ok()) log_(Cat("A model that had come is not made ready: ", step.error().message));
  settling_.reset();
  settling_claim_.reset();
  return !to_settle_.empty();
}

std::uint64_t StoredModelStore::PackBytes() const {
  std::uint64_t bytes = 0;
  const StorageContents contents = ReadContents(storage_->List());
  for (const auto& [name, model] : contents.models) bytes += model.bytes;
  return bytes;
}

}  // namespace thimble::common
