// SPDX-License-Identifier: Apache-2.0
// Any bytes and any name as a file that somebody gave for a model: the finding is short, tame, and says what to do
// wherever it refuses.

#include "base/text.h"
#include "files/file_kind.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  // The first byte says how many of those behind it are the name.
  const std::size_t name_size = size > 0 ? bytes[0] % 32U : 0;
  if (size < 1 + name_size) return 0;
  const std::string name(reinterpret_cast<const char*>(bytes) + 1, name_size);
  const auto content = std::as_bytes(std::span(bytes, size).subspan(1 + name_size));
  const thimble::FileFinding finding = thimble::LookAtFile(content, name);
  constexpr std::size_t kLongest = 1000;
  if (finding.what.size() > kLongest || finding.what != thimble::EscapeControls(finding.what)) std::abort();
  const bool is_refused = thimble::RefusalOf(finding).has_value();
  const bool is_to_be = finding.kind == thimble::FileKind::kOther || finding.kind == thimble::FileKind::kUnfinished;
  if (is_refused != is_to_be || (is_refused && (finding.what.empty() || finding.advice.empty()))) std::abort();
  const thimble::GgufLabel label = thimble::ReadGgufLabel(content);
  if (label.architecture.size() + label.type.size() > content.size()) std::abort();
  return 0;
}
