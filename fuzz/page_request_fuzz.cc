// SPDX-License-Identifier: Apache-2.0
// What a browser sends for the page's files and lists: a query, then lines of headers "name: value".
#include "base/text.h"
#include "service/page_files.h"
#include "service/query.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using thimble::service::PageFile;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::string_view query = text.substr(0, text.find('\n'));
  text.remove_prefix(query.size());
  for (const char* key : {"search", "folder", "a"}) {
    const auto value = thimble::service::QueryText(query, key);
    if (!value.ok() || !value.value().has_value()) continue;
    const std::string& found = *value.value();
    if (found.size() > query.size() || found.find('\0') != std::string::npos || !thimble::IsValidUtf8(found))
      std::abort();
  }
  thimble::service::Request request;
  while (!text.empty()) {
    text.remove_prefix(1);  // the line's end
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size());
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      request.headers.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))});
  }
  constexpr PageFile kFile{"/", "text/html", "0123456789abcdef", "plain", "gzip", "brotli", false};
  const auto answer = PageAnswer(kFile, request);
  const bool is_known = answer.status == 304 && answer.body.empty();
  if (!is_known &&
      (answer.status != 200 || (answer.body != "plain" && answer.body != "gzip" && answer.body != "brotli")))
    std::abort();
  return 0;
}
