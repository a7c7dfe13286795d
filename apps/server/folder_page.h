// SPDX-License-Identifier: Apache-2.0
// FolderPage: the page with the engine inside, as plain files of a folder (scripts/package web), and who gives them
// out: `thimble serve --page-only`. What computes is the browser; here is no model and no API.
#pragma once

#include "base/result.h"
#include "service/exchange.h"
#include "service/page_files.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace thimble::server {

// Its files are mapped when it is opened: what is put in their place later is a matter of the next start.
class FolderPage : public service::PageFiles {
 public:
  // kInvalid: no such folder, no such page in it, or files that no page has (more than 4,096, names that need escapes);
  // kSystem: one of them cannot be read.
  static Result<std::unique_ptr<FolderPage>> Open(const std::string& folder);

  ~FolderPage() override;
  FolderPage(const FolderPage&) = delete;
  FolderPage& operator=(const FolderPage&) = delete;

  [[nodiscard]] std::span<const service::PageFile> All() const override { return files_; }

 private:
  struct File;
  FolderPage();
  Status Add(const std::string& name, const std::string& path);

  std::vector<std::unique_ptr<File>> kept_;
  std::vector<service::PageFile> files_;
};

// Answers GET for the files of `page`, which must outlive it; everything else is not here.
std::unique_ptr<service::Handler> GivePage(const service::PageFiles* page);

}  // namespace thimble::server
