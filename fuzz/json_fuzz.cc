// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON. What parses must print, and read back as the same value in every style.

#include "files/json.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

// Numbers through their values, the rest through its text: Python's style spells numbers anew.
bool IsSame(const thimble::Json& a, const thimble::Json& b) {
  if (a.kind() != b.kind()) return false;
  if (a.IsNumber()) return a.AsDouble() == b.AsDouble() && a.AsInt() == b.AsInt();
  if (a.text() != b.text() || a.bool_value() != b.bool_value()) return false;
  if (a.items().size() != b.items().size() || a.members().size() != b.members().size()) return false;
  for (std::size_t index = 0; index < a.items().size(); ++index) {
    if (!IsSame(a.items()[index], b.items()[index])) return false;
  }
  for (std::size_t index = 0; index < a.members().size(); ++index) {
    if (a.members()[index].first != b.members()[index].first) return false;
    if (!IsSame(a.members()[index].second, b.members()[index].second)) return false;
    if (a.Find(a.members()[index].first) != &a.members()[index].second) return false;  // no key twice
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto quoted = thimble::Json::Parse(thimble::JsonQuote(text), "quoted");
  if (!quoted.ok() || !quoted.value().IsString()) std::abort();
  const auto json = thimble::Json::Parse(text, "fuzz");
  if (!json.ok()) {
    if (json.error().message.empty()) std::abort();
    return 0;
  }
  using Style = thimble::Json::Style;
  for (const Style style : {Style::kCompact, Style::kPython, Style::kPretty}) {
    const auto again = thimble::Json::Parse(json.value().Dump(style), "again");
    if (!again.ok() || !IsSame(json.value(), again.value())) std::abort();
  }
  return 0;
}
