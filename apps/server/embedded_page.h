// SPDX-License-Identifier: Apache-2.0
// The page's files in the program (made by tools/embed_page.py).
#pragma once

#include "service/page_files.h"

#include <span>

namespace thimble::server {

class EmbeddedPage : public service::PageFiles {
 public:
  explicit EmbeddedPage(std::span<const service::PageFile> files) : files_(files) {}
  [[nodiscard]] std::span<const service::PageFile> All() const override { return files_; }

 private:
  std::span<const service::PageFile> files_;
};

// The page that this program was built with; nullptr: none was there.
const service::PageFiles* BuiltPage();

}  // namespace thimble::server
