// SPDX-License-Identifier: Apache-2.0
#include "text/json_types.h"

#include <charconv>
#include <string>

namespace thimble {

namespace {

// One step of a JSON pointer with its escapes undone: %XX of the URI, then ~1 and ~0.
std::string PointerStep(std::string_view step) {
  std::string plain;
  for (std::size_t i = 0; i < step.size(); ++i) {
    unsigned value = 0;
    const char* digits = step.data() + i + 1;
    if (step[i] == '%' && i + 2 < step.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      plain.push_back(static_cast<char>(value));
      i += 2;
    } else {
      plain.push_back(step[i]);
    }
  }
  std::string out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool is_escape = plain[i] == '~' && i + 1 < plain.size() && (plain[i + 1] == '0' || plain[i + 1] == '1');
    out.push_back(is_escape ? (plain[i + 1] == '1' ? '/' : '~') : plain[i]);
    if (is_escape) ++i;
  }
  return out;
}

}  // namespace

unsigned JsonTypeOf(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull:
      return kNullType;
    case Json::Kind::kBool:
      return kBooleanType;
    case Json::Kind::kInteger:
      return kIntegerType;
    case Json::Kind::kFloat:
      return kFractionType;
    case Json::Kind::kString:
      return kStringType;
    case Json::Kind::kArray:
      return kArrayType;
    case Json::Kind::kObject:
      return kObjectType;
  }
  return kAnyType;
}

const Json* ResolveReference(const Json& root, std::string_view reference) {
  if (!reference.starts_with('#')) return nullptr;
  const Json* here = &root;
  reference.remove_prefix(1);
  while (!reference.empty() && here != nullptr) {
    if (!reference.starts_with('/')) return nullptr;
    reference.remove_prefix(1);
    const std::string_view raw = reference.substr(0, reference.find('/'));
    reference.remove_prefix(raw.size());
    const std::string step = PointerStep(raw);
    if (here->IsArray()) {
      std::size_t index = 0;
      const auto parsed = std::from_chars(step.data(), step.data() + step.size(), index);
      const bool is_index = parsed.ec == std::errc() && parsed.ptr == step.data() + step.size();
      here = is_index && index < here->items().size() ? &here->items()[index] : nullptr;
    } else {
      here = here->Find(step);
    }
  }
  return here;
}

}  // namespace thimble
