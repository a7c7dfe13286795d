// SPDX-License-Identifier: Apache-2.0
#include "host/model_store.h"

#include "base/sha256.h"
#include "base/text.h"
#include "host/atomic_file.h"
#include "host/import.h"
#include "host/model_folder.h"
#include "host/settle_upload.h"
#include "host/store.h"
#include "service/upload_rules.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace thimble::host {

namespace fs = std::filesystem;
using service::Fault;
using service::ModelFileState;
using service::ModelPiece;
using service::OrFault;
using service::PieceOutcome;

namespace {

constexpr const char* kPlace = "store";
// Read and hashed in one step of Finish.
constexpr std::size_t kStepBytes = std::size_t{8} << 20;

std::string FolderOfUpload(const std::string& model) { return Cat(ModelsFolder(), "/.", model, ".upload"); }

std::vector<ModelFileState> FilesOf(const std::string& folder) {
  std::vector<ModelFileState> files;
  const auto names = NamesInFolder(folder);
  if (!names.ok()) return files;
  const auto hashes = HashesInManifest(folder);
  for (const std::string& name : names.value()) {
    auto state = name == kManifestName ? std::nullopt : service::ReadUploadName(name);
    if (!state.has_value()) continue;
    std::error_code none;
    const auto bytes = fs::file_size(Cat(folder, "/", name), none);
    state->bytes = none ? 0 : static_cast<std::uint64_t>(bytes);
    if (state->is_whole) {
      state->total = state->bytes;
      if (const auto hash = hashes.find(name); hash != hashes.end()) state->sha256 = hash->second;
    }
    files.push_back(*std::move(state));
  }
  return files;
}

std::optional<ModelFileState> FileOf(const std::string& folder, const std::string& file) {
  for (ModelFileState& state : FilesOf(folder)) {
    if (state.name == file) return std::move(state);
  }
  return std::nullopt;
}

std::uint64_t FreeBytes(const std::string& folder) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  return error ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(space.available);
}

}  // namespace

class FileModelStore::Upload : public service::ModelUpload {
 public:
  Upload(std::unique_ptr<service::ModelClaims::Claim> claim, ModelPiece piece, int fd)
      : claim_(std::move(claim)), piece_(std::move(piece)), fd_(fd), at_(piece_.begin) {}
  ~Upload() override {
    if (fd_ >= 0) close(fd_);
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  Status Take(std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] int FailureStatus() const override { return is_full_ ? 507 : 0; }
  OrFault<std::optional<PieceOutcome>> Finish() override;

 private:
  // Of some megabytes; true: that was the last of them.
  Result<bool> HashSome();
  OrFault<std::optional<PieceOutcome>> Settle();
  [[nodiscard]] Fault FaultOfDisk(const Error& error) const;

  std::unique_ptr<service::ModelClaims::Claim> claim_;
  ModelPiece piece_;
  int fd_;
  std::uint64_t at_;          // where the next byte belongs
  std::uint64_t hashed_ = 0;  // bytes of the whole file
  Sha256 hash_;
  std::vector<std::byte> block_;
  bool is_full_ = false;
};

Status FileModelStore::Upload::Take(std::span<const std::uint8_t> bytes) {
  if (bytes.size() > piece_.end - at_) return service::TooManyBytes(piece_);
  while (!bytes.empty()) {
    const ssize_t count = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      Error error = SystemError(kPlace, "cannot write", piece_.file, errno);
      is_full_ = error.code == Code::kExhausted;
      if (is_full_) error.message += "; make room and go on with Content-Range";
      return error;
    }
    at_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return Done{};
}

Fault FileModelStore::Upload::FaultOfDisk(const Error& error) const {
  Fault fault = service::FaultOf(error);
  if (error.code == Code::kExhausted) fault.status = 507;
  return fault;
}

OrFault<std::optional<PieceOutcome>> FileModelStore::Upload::Finish() {
  if (at_ < piece_.end) return service::IncompleteBody(piece_, at_);
  PieceOutcome outcome;
  outcome.file = {piece_.file, at_, piece_.total, "", false};
  if (at_ < piece_.total) return std::optional(outcome);
  const auto is_over = HashSome();
  if (!is_over.ok()) return FaultOfDisk(is_over.error());
  if (!is_over.value()) return std::optional<PieceOutcome>();
  return Settle();
}

Result<bool> FileModelStore::Upload::HashSome() {
  block_.resize(kStepBytes);
  const ssize_t count = pread(fd_, block_.data(), block_.size(), static_cast<off_t>(hashed_));
  if (count < 0 && errno == EINTR) return false;
  if (count <= 0) return SystemError(kPlace, "cannot read", piece_.file, count < 0 ? errno : EIO);
  hash_.Add(std::span<const std::byte>(block_).first(static_cast<std::size_t>(count)));
#ifdef __linux__
  // So that the disk has little left to do in the end, for which everybody would wait.
  sync_file_range(fd_, static_cast<off_t>(hashed_), count, SYNC_FILE_RANGE_WRITE);
#endif
  hashed_ += static_cast<std::uint64_t>(count);
  if (hashed_ < piece_.total) return false;
  if (fsync(fd_) != 0) return SystemError(kPlace, "cannot finish", piece_.file, errno);
  return true;
}

OrFault<std::optional<PieceOutcome>> FileModelStore::Upload::Settle() {
  const std::string folder = FolderOfUpload(piece_.model);
  const std::string part = Cat(folder, "/", service::PartName(piece_.file, piece_.total));
  close(std::exchange(fd_, -1));
  const std::string hash = hash_.Finish();
  if (!piece_.sha256.empty() && piece_.sha256 != hash) {
    unlink(part.c_str());
    return service::WrongDigest(hash, piece_.sha256);
  }
  auto settled = SettleFile({piece_.model, folder, piece_.file, part, hash});
  if (!settled.ok()) {
    Fault fault = FaultOfDisk(settled.error());
    if (fault.status == 400) fault.code = "invalid_model";
    return fault;
  }
  PieceOutcome outcome;
  outcome.file = {piece_.file, piece_.total, piece_.total, hash, true};
  outcome.is_model = settled.value().empty();
  outcome.missing = std::move(settled).value();
  return std::optional(std::move(outcome));
}

FileModelStore::FileModelStore(std::function<std::uint64_t(const std::string& folder)> free_bytes)
    : free_bytes_(free_bytes ? std::move(free_bytes) : FreeBytes) {}

OrFault<std::unique_ptr<service::ModelUpload>> FileModelStore::Begin(const ModelPiece& piece) {
  if (auto fault = service::CheckPiece(piece); fault.has_value()) return *fault;
  if (KindOfPath(Cat(ModelsFolder(), "/", piece.model)) != PathKind::kNothing) return service::ModelExists(piece.model);
  auto claim = claims_.Try(piece.model);
  if (claim == nullptr) return service::ModelBusy(piece.model);
  const std::string folder = FolderOfUpload(piece.model);
  const auto files = FilesOf(folder);
  if (auto fault = service::CheckBegin(piece, files); fault.has_value()) return *fault;
  const auto is_this = [&](const ModelFileState& state) { return state.name == piece.file; };
  const auto old = std::find_if(files.begin(), files.end(), is_this);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return service::FaultOf(SystemError(kPlace, "cannot create", piece.model, error.value()));
  if (piece.begin == 0 && old != files.end())
    fs::remove(Cat(folder, "/", old->is_whole ? piece.file : service::PartName(piece.file, old->total)), error);
  if (const std::uint64_t free = free_bytes_(folder); piece.total - piece.begin > free) {
    fs::remove(folder, error);  // where nothing else is in it
    return service::NoRoomForFile(piece.total - piece.begin, free, "disk");
  }
  const std::string path = Cat(folder, "/", service::PartName(piece.file, piece.total));
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  // What is there beyond the beginning is sent again.
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(piece.begin)) != 0) {
    Fault fault = service::FaultOf(SystemError(kPlace, "cannot create", piece.file, errno));
    if (fd >= 0) close(fd);
    if (fault.status == 503) fault.status = 507;
    return fault;
  }
  return std::unique_ptr<service::ModelUpload>(std::make_unique<Upload>(std::move(claim), piece, fd));
}

OrFault<ModelFileState> FileModelStore::Find(const std::string& model, const std::string& file) const {
  if (auto fault = service::CheckPiece({model, file, 0, 1, 1, ""}); fault.has_value()) return *fault;
  for (const std::string& folder : {FolderOfUpload(model), Cat(ModelsFolder(), "/", model)}) {
    if (auto state = FileOf(folder, file); state.has_value()) return *std::move(state);
  }
  return service::NoSuchFile(model, file);
}

std::vector<service::UnfinishedModel> FileModelStore::Unfinished() const {
  std::vector<service::UnfinishedModel> unfinished;
  const auto names = NamesInFolder(ModelsFolder());
  if (!names.ok()) return unfinished;
  constexpr std::string_view kEnding = ".upload";
  for (const std::string& name : names.value()) {
    if (!name.starts_with('.') || !name.ends_with(kEnding) || name.size() <= kEnding.size() + 1) continue;
    std::string model = name.substr(1, name.size() - 1 - kEnding.size());
    if (!IsPlainName(model)) continue;
    auto files = FilesOf(FolderOfUpload(model));
    unfinished.push_back({std::move(model), std::move(files)});
  }
  return unfinished;
}

OrFault<Done> FileModelStore::Delete(const std::string& model) {
  if (!IsPlainName(model) || model == "builtin")
    return Fault{404, "", "model_not_found", "", "The store has no model of this name."};
  const auto claim = claims_.Try(model);
  if (claim == nullptr) return service::ModelBusy(model);
  bool was_there = false;
  for (const std::string& path : {Cat(ModelsFolder(), "/", model), FolderOfUpload(model)}) {
    std::error_code error;
    if (fs::symlink_status(path, error).type() == fs::file_type::not_found) continue;
    was_there = true;
    // Gone at once for everybody; half of a model is never seen.
    const std::string gone = Cat(ModelsFolder(), "/.", model, ".", getpid(), ".deleted");
    fs::rename(path, gone, error);
    if (!error) fs::remove_all(gone, error);
    if (error) return service::FaultOf(SystemError(kPlace, "cannot delete", model, error.value()));
  }
  if (!was_there) return service::NoSuchModel(model);
  return Done{};
}

}  // namespace thimble::host
