// SPDX-License-Identifier: Apache-2.0
// The app's folder of models as a storage (common/storage.h): names are paths below it. Files are mapped.
#pragma once

#include "common/storage.h"

#include <functional>
#include <string>

namespace thimble::android {

class FolderStorage : public common::Storage {
 public:
  // Makes the folder where there is none. `free_bytes`: the tests' own, or empty: what the system says.
  explicit FolderStorage(std::string folder, std::function<std::optional<std::uint64_t>()> free_bytes = {});

  [[nodiscard]] std::vector<common::StoredFile> List() const override;
  Result<std::unique_ptr<common::OpenFile>> Open(const std::string& name, bool creates) override;
  Status Delete(const std::string& name) override;
  Status Rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] std::optional<std::uint64_t> FreeBytes() const override;
  Result<std::shared_ptr<const ByteSource>> Map(const std::string& name) override;
  [[nodiscard]] std::string Owner() const override { return "phone"; }

  Status Link(const std::string& path, const std::string& name) override;

 private:
  [[nodiscard]] std::string PathOf(const std::string& name) const;

  std::string folder_;
  std::function<std::optional<std::uint64_t>()> free_bytes_;
};

}  // namespace thimble::android
