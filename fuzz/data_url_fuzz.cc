// SPDX-License-Identifier: Apache-2.0
// Any bytes as a data URL, as base64 and as text with percent signs.
#include "text/data_url.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace thimble;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto decoded = DecodeBase64(text); decoded.ok() && decoded.value().size() > size / 4 * 3 + 3) std::abort();
  if (DecodeDataUrl(text).ok() && text.find(',') == std::string_view::npos) std::abort();
  if (DecodePercent(text).size() > size) std::abort();
  if (LooksLikeBase64Picture(text) && text.size() < 4096 && !DecodeBase64(text.substr(0, 24)).ok()) std::abort();
  return 0;
}
