// SPDX-License-Identifier: Apache-2.0
// Any bytes as text from outside: marks and UTF-16, and excerpts for messages.
#include "base/outside_text.h"
#include "base/text.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace thimble;
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  const bool is_utf16 = input.starts_with("\xff\xfe") || input.starts_with("\xfe\xff");
  for (const NulBytes nul_bytes : {NulBytes::kRefuse, NulBytes::kKeep}) {
    const auto text = TextFromOutside(input, "fuzz", nul_bytes);
    if (!text.ok()) {
      if (!IsValidUtf8(text.error().message)) std::abort();
      continue;
    }
    if (is_utf16 && !IsValidUtf8(text.value())) std::abort();
    if (nul_bytes == NulBytes::kRefuse && text.value().find('\0') != std::string::npos) std::abort();
  }
  const std::string excerpt = Excerpt(input);
  if (excerpt.size() > 200 || (IsValidUtf8(input) && !IsValidUtf8(excerpt))) std::abort();
  return 0;
}
