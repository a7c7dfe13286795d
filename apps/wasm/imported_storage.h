// SPDX-License-Identifier: Apache-2.0
// The page's storage, by the functions that it gives us (docs/browser.md, "The seam").
#pragma once

#include "common/storage.h"

namespace thimble::browser {

class ImportedStorage : public common::Storage {
 public:
  [[nodiscard]] std::vector<common::StoredFile> List() const override;
  Result<std::unique_ptr<common::OpenFile>> Open(const std::string& name, bool creates) override;
  Status Delete(const std::string& name) override;
  Status Rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] std::optional<std::uint64_t> FreeBytes() const override;
};

}  // namespace thimble::browser
