// SPDX-License-Identifier: Apache-2.0
#include "grammar/schema_parts.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace thimble {

namespace {

// The values that a schema lists; nullopt: it lists none.
std::optional<std::vector<const Json*>> ListedValues(const Json& schema) {
  std::vector<const Json*> values;
  if (const Json* value = schema.Find("const")) {
    values.push_back(value);
    return values;
  }
  const Json* list = schema.Find("enum");
  if (list == nullptr || !list->IsArray()) return std::nullopt;
  for (const Json& value : list->items()) values.push_back(&value);
  return values;
}

// The types that a schema says its values have.
unsigned TypesOf(const Json& schema) {
  unsigned types = kAnyType;
  if (const Json* type = schema.Find("type")) {
    const unsigned named = SchemaTypes(*type);
    if (named != 0) types = named;
  }
  if (const auto values = ListedValues(schema)) {
    unsigned listed = 0;
    for (const Json* value : *values) listed |= SchemaTypeOf(*value);
    types &= listed;
  }
  return types;
}

const Json* PropertyOf(const Json& schema, std::string_view name) {
  const Json* properties = schema.Find("properties");
  return properties == nullptr ? nullptr : properties->Find(name);
}

bool Forbids(const Json& schema, std::string_view name) {
  const Json* additional = schema.Find("additionalProperties");
  if (additional == nullptr || additional->AsBool().value_or(true)) return false;
  return PropertyOf(schema, name) == nullptr && schema.Find("patternProperties") == nullptr;
}

}  // namespace

unsigned SchemaTypeNamed(std::string_view name) {
  if (name == "null") return kNullType;
  if (name == "boolean") return kBooleanType;
  if (name == "integer") return kIntegerType;
  if (name == "number") return kNumberType;
  if (name == "string") return kStringType;
  if (name == "array") return kArrayType;
  return name == "object" ? kObjectType : 0;
}

unsigned SchemaTypes(const Json& type) {
  if (type.IsString()) return SchemaTypeNamed(type.text());
  if (!type.IsArray()) return 0;
  unsigned types = 0;
  for (const Json& item : type.items()) {
    const unsigned named = item.IsString() ? SchemaTypeNamed(item.text()) : 0;
    if (named == 0) return 0;
    types |= named;
  }
  return types;
}

unsigned SchemaTypeOf(const Json& value) {
  const unsigned type = JsonTypeOf(value);
  const double number = type == kFractionType ? value.AsDouble().value_or(0.5) : 0.5;
  return std::floor(number) == number ? kIntegerType : type;
}

bool IsSameValue(const Json& a, const Json& b) {
  if (a.IsNumber() && b.IsNumber()) return a.text() == b.text() || a.AsDouble() == b.AsDouble();
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Json::Kind::kNull:
      return true;
    case Json::Kind::kBool:
      return a.bool_value() == b.bool_value();
    case Json::Kind::kArray:
      return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), IsSameValue);
    case Json::Kind::kObject:
      return a.members().size() == b.members().size() &&
             std::all_of(a.members().begin(), a.members().end(), [&](const Json::Member& member) {
               const Json* other = b.Find(member.first);
               return other != nullptr && IsSameValue(member.second, *other);
             });
    default:
      return a.text() == b.text();
  }
}

bool Disjointness::AreDisjoint(const Json& a, const Json& b, int depth) {
  if (depth > kMaxDepth || ++steps_ > kMaxSteps) return false;
  for (const auto& [one, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    if (one->AsBool().has_value()) {
      if (!*one->AsBool()) return true;
      continue;
    }
    if (const Json* reference = one->Find("$ref"); reference != nullptr && reference->IsString()) {
      const Json* target = ResolveReference(root_, reference->text());
      if (target != nullptr && AreDisjoint(*target, *other, depth + 1)) return true;
    }
    if (const Json* all = one->Find("allOf"); all != nullptr && all->IsArray()) {
      for (const Json& part : all->items()) {
        if (AreDisjoint(part, *other, depth + 1)) return true;
      }
    }
    for (const char* keyword : {"anyOf", "oneOf"}) {
      const Json* options = one->Find(keyword);
      if (options == nullptr || !options->IsArray() || options->items().empty()) continue;
      const bool are_all = std::all_of(options->items().begin(), options->items().end(),
                                       [&](const Json& option) { return AreDisjoint(option, *other, depth + 1); });
      if (are_all) return true;
    }
  }
  return a.IsObject() && b.IsObject() && AreApart(a, b, depth);
}

// By what stands in both of them themselves.
bool Disjointness::AreApart(const Json& a, const Json& b, int depth) {
  const unsigned types_a = TypesOf(a);
  const unsigned types_b = TypesOf(b);
  if ((types_a & types_b) == 0) return true;
  const auto values_a = ListedValues(a);
  const auto values_b = ListedValues(b);
  if (values_a && values_b) {
    steps_ += static_cast<int>(std::min<std::size_t>(values_a->size() * values_b->size() / 8, kMaxSteps));
    if (is_exhausted()) return false;
    return std::none_of(values_a->begin(), values_a->end(), [&](const Json* x) {
      return std::any_of(values_b->begin(), values_b->end(), [&](const Json* y) { return IsSameValue(*x, *y); });
    });
  }
  // What one alone admits beside objects does not matter: it is not the other's.
  return (types_a & types_b) == kObjectType && ObjectsAreApart(a, b, depth);
}

bool Disjointness::ObjectsAreApart(const Json& a, const Json& b, int depth) {
  for (const auto& [one, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
    const Json* required = one->Find("required");
    if (required == nullptr || !required->IsArray()) continue;
    for (const Json& item : required->items()) {
      if (!item.IsString()) continue;
      if (++steps_ > kMaxSteps) return false;
      if (Forbids(*other, item.text())) return true;
      const Json* mine = PropertyOf(*one, item.text());
      const Json* theirs = PropertyOf(*other, item.text());
      if (mine != nullptr && theirs != nullptr && AreDisjoint(*mine, *theirs, depth + 1)) return true;
    }
  }
  return false;
}

}  // namespace thimble
