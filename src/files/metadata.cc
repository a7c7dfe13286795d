// SPDX-License-Identifier: Apache-2.0
// Typed look-ups in a GGUF key-value table.
#include "files/model_file.h"

#include <cmath>

namespace thimble {

const Metadata::Value* Metadata::Find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<std::int64_t> Metadata::Int(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return std::nullopt;
  switch (value->kind) {
    case Value::Kind::kInt:
    case Value::Kind::kBool:
      return value->integer;
    case Value::Kind::kFloat: {
      // 2^63 itself is outside; NaN fails every comparison.
      const bool fits = value->number >= -0x1p63 && value->number < 0x1p63;
      if (!fits || value->number != std::floor(value->number)) return std::nullopt;
      return static_cast<std::int64_t>(value->number);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> Metadata::Float(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->kind == Value::Kind::kFloat) return value->number;
  if (value->kind == Value::Kind::kInt) return static_cast<double>(value->integer);
  return std::nullopt;
}

std::optional<bool> Metadata::Bool(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr || value->kind != Value::Kind::kBool) return std::nullopt;
  return value->integer != 0;
}

std::optional<std::string> Metadata::String(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr || value->kind != Value::Kind::kString) return std::nullopt;
  return std::string(value->text);
}

const std::vector<std::int64_t>* Metadata::Ints(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) return nullptr;
  const bool is_list = value->kind == Value::Kind::kInts || value->kind == Value::Kind::kBools;
  return is_list ? &value->ints : nullptr;
}

const std::vector<double>* Metadata::Floats(std::string_view key) const {
  const Value* value = Find(key);
  return value != nullptr && value->kind == Value::Kind::kFloats ? &value->floats : nullptr;
}

const std::vector<std::string_view>* Metadata::Strings(std::string_view key) const {
  const Value* value = Find(key);
  return value != nullptr && value->kind == Value::Kind::kStrings ? &value->strings : nullptr;
}

}  // namespace thimble
