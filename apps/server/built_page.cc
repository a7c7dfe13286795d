// SPDX-License-Identifier: Apache-2.0
#include "server/embedded_page.h"

namespace thimble::server {

std::span<const service::PageFile> BuiltPageFiles();  // made from the page's folder

const service::PageFiles* BuiltPage() {
  static const EmbeddedPage page(BuiltPageFiles());
  return &page;
}

}  // namespace thimble::server
