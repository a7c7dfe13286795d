// SPDX-License-Identifier: Apache-2.0
// Heads of uploads: lines of "name: value".
#include "service/upload_head.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  thimble::service::Request head;
  head.method = "PUT";
  head.headers.push_back({"content-type", "application/octet-stream"});
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      head.headers.push_back({std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))});
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const auto piece = thimble::service::ReadUploadHead(head, kMost);
  if (!piece.ok()) return 0;
  const auto& found = piece.value();
  const bool is_whole = found.begin == 0 && found.end == 0 && found.total == 0;  // content-length: 0
  if (!is_whole && (found.begin >= found.end || found.end > found.total)) std::abort();
  if (found.total > kMost || (!found.sha256.empty() && found.sha256.size() != 64)) std::abort();
  return 0;
}
