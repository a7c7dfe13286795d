// SPDX-License-Identifier: Apache-2.0
#include "android/native/content_packs.h"

#include "base/text.h"
#include "host/pack_store.h"
#include "sys/byte_source.h"
#include "sys/folder.h"
#include "sys/replacement_file.h"

#include <utility>

namespace thimble::android {

namespace {

class ContentPacks : public PackStore {
 public:
  explicit ContentPacks(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::vector<KeptPack> Open(const ModelFile& model, std::string_view variant) const override {
    const auto path = PathOf(model, variant);
    if (!path.ok() || KindOfPath(path.value()) != PathKind::kFile) return {};
    auto source = MapFile(path.value());
    std::vector<KeptPack> kept;
    kept.push_back({path.value(), source.ok() ? std::move(source).value() : nullptr});
    return kept;
  }

  [[nodiscard]] Result<std::unique_ptr<PackSink>> Replace(const ModelFile& model, std::string_view variant,
                                                          std::uint64_t size_bytes, bool is_renewal) const override {
    THIMBLE_ASSIGN_OR_RETURN(const std::string path, PathOf(model, variant));
    if (is_renewal && KindOfPath(path) != PathKind::kFile) return Error{Code::kNotFound, "[pack cache] none is kept"};
    MakeFolders(folder_);
    THIMBLE_ASSIGN_OR_RETURN(auto file, ReplacementFile::Begin(path, size_bytes));
    return host::FileSink(path, std::move(file));
  }

 private:
  // A whole pack needs none.
  [[nodiscard]] Result<std::string> PathOf(const ModelFile& model, std::string_view variant) const {
    if (model.pack() != nullptr) return Error{Code::kUnsupported, "[pack cache] this is a pack already"};
    THIMBLE_ASSIGN_OR_RETURN(const std::string identity, model.Identity());
    return Cat(folder_, "/", identity, ".thimble-", variant);
  }

  std::string folder_;
};

}  // namespace

std::shared_ptr<const PackStore> ContentPackStore(std::string folder) {
  return std::make_shared<const ContentPacks>(std::move(folder));
}

}  // namespace thimble::android
