// SPDX-License-Identifier: Apache-2.0
// What a page says to the module: heads of requests, the configuration, names in its storage (a line each).
#include "common/model_places.h"
#include "common/request_head.h"
#include "wasm/page_messages.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace browser = thimble::browser;
  namespace common = thimble::common;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto head = common::ParseHead(text); head.ok()) {
    if (head.value().method.empty() || !head.value().path.starts_with('/')) std::abort();
    for (const auto& header : head.value().headers) {
      for (const char c : header.name) {
        if (c >= 'A' && c <= 'Z') std::abort();
      }
    }
    (void)common::HeadersText(head.value().headers);
  }
  if (const auto config = browser::ParseStartConfig(text); config.ok()) {
    if (config.value().threads < 1 || config.value().threads > 64 || config.value().context < 1) std::abort();
  }
  std::vector<common::StoredFile> files;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    files.push_back({std::string(text.substr(at, end - at)), end});
    at = end + 1;
  }
  const common::StorageContents contents = common::ReadContents(files);
  for (const auto& [name, model] : contents.models) {
    for (const auto& file : model.uploads) {
      if (name.find('/') != std::string::npos || file.name.find('/') != std::string::npos) std::abort();
    }
  }
  return 0;
}
