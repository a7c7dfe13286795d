// SPDX-License-Identifier: Apache-2.0
#include "host/pack_store.h"

#include "base/text.h"
#include "model/pack_cache.h"
#include "sys/folder.h"
#include "sys/replacement_file.h"

#include <utility>

namespace thimble::host {

namespace {

class ReplacingSink : public PackSink {
 public:
  ReplacingSink(std::string path, std::unique_ptr<ReplacementFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}
  Status Append(std::span<const std::byte> bytes) override { return file_->Append(bytes); }
  Status Commit() override { return file_->Commit(); }
  [[nodiscard]] const std::string& place() const override { return path_; }

 private:
  std::string path_;
  std::unique_ptr<ReplacementFile> file_;
};

class Packs : public PackStore {
 public:
  explicit Packs(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::vector<KeptPack> Open(const ModelFile& model, std::string_view variant) const override {
    std::vector<KeptPack> kept;
    for (std::string& path : PackPaths(model, variant, folder_)) {
      if (KindOfPath(path) != PathKind::kFile) continue;
      auto source = MapFile(path);
      kept.push_back({std::move(path), source.ok() ? std::move(source).value() : nullptr});
    }
    return kept;
  }

  [[nodiscard]] Result<std::unique_ptr<PackSink>> Replace(const ModelFile& model, std::string_view variant,
                                                          std::uint64_t size_bytes, bool is_renewal) const override {
    Error last{Code::kSystem, "[pack cache] no place to write it"};
    for (const std::string& path : PackPaths(model, variant, folder_)) {
      if (is_renewal && KindOfPath(path) != PathKind::kFile) continue;
      if (FolderOf(path) == folder_) MakeFolders(folder_);
      auto file = ReplacementFile::Begin(path, size_bytes);
      if (file.ok()) return FileSink(path, std::move(file).value());
      last = file.error();
    }
    return last;
  }

 private:
  std::string folder_;
};

}  // namespace

std::unique_ptr<PackSink> FileSink(std::string path, std::unique_ptr<ReplacementFile> file) {
  return std::make_unique<ReplacingSink>(std::move(path), std::move(file));
}

std::shared_ptr<const PackStore> FolderPackStore(std::string folder) {
  return std::make_shared<const Packs>(std::move(folder));
}

std::vector<std::string> PackPaths(const ModelFile& model, std::string_view variant, const std::string& folder) {
  if (model.shard_paths().empty()) return {};
  const std::string& path = model.shard_paths().front();
  std::vector<std::string> paths{Cat(path, ".thimble-", variant)};
  if (!folder.empty()) paths.push_back(Cat(folder, "/", NameOf(path), ".thimble-", variant));
  return paths;
}

std::vector<std::string> FindPacks(const ModelFile& model, const std::string& folder) {
  std::vector<std::string> found;
  for (const std::string_view variant : kPackVariants) {
    for (std::string& path : PackPaths(model, variant, folder)) {
      if (KindOfPath(path) == PathKind::kFile) found.push_back(std::move(path));
    }
  }
  return found;
}

}  // namespace thimble::host
