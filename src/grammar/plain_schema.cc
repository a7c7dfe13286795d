// SPDX-License-Identifier: Apache-2.0
#include "grammar/plain_schema.h"

#include "base/outside_text.h"
#include "grammar/pattern.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {

// Keywords that say something about values, and that no mask enforces.
constexpr std::array<std::string_view, 18> kRefused = {
    "not",          "if",       "then",        "else",        "dependentRequired", "dependentSchemas",
    "dependencies", "contains", "minContains", "maxContains", "$dynamicRef",       "$recursiveRef",
    "extends",      "disallow", "divisibleBy", "$anchor",     "$dynamicAnchor",    "$recursiveAnchor"};
constexpr std::array<std::string_view, 31> kAsserting = {"type",
                                                         "enum",
                                                         "const",
                                                         "minimum",
                                                         "maximum",
                                                         "exclusiveMinimum",
                                                         "exclusiveMaximum",
                                                         "multipleOf",
                                                         "minLength",
                                                         "maxLength",
                                                         "pattern",
                                                         "format",
                                                         "items",
                                                         "prefixItems",
                                                         "additionalItems",
                                                         "minItems",
                                                         "maxItems",
                                                         "uniqueItems",
                                                         "unevaluatedItems",
                                                         "properties",
                                                         "required",
                                                         "additionalProperties",
                                                         "patternProperties",
                                                         "propertyNames",
                                                         "minProperties",
                                                         "maxProperties",
                                                         "unevaluatedProperties",
                                                         "$ref",
                                                         "allOf",
                                                         "anyOf",
                                                         "oneOf"};

constexpr std::size_t kMostNames = 1000;  // required, and values of an enum

template <std::size_t kSize>
bool IsOneOf(std::string_view word, const std::array<std::string_view, kSize>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The larger (or, with `wants_less`, the smaller) of two numbers, of which either may be missing.
const Json* Stricter(const Json* a, const Json* b, bool wants_less) {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  const double x = a->AsDouble().value_or(0);
  const double y = b->AsDouble().value_or(0);
  return (wants_less ? y < x : y > x) ? b : a;
}

// A number of things, not negative, and not more than is counted to.
Status ReadCount(const Json& value, const std::string& path, std::int64_t* count) {
  const auto number = value.AsInt();
  if (!number.has_value() || *number < 0) return RefuseSchema(Code::kInvalid, path, "takes a whole number from 0 on");
  if (*number > kMaxRepeats)
    return RefuseSchema(
        Code::kUnsupported, path,
        "is " + std::to_string(*number) + ", at most " + std::to_string(kMaxRepeats) + " is counted to");
  *count = *number;
  return Done{};
}

Status AddMinimum(const Json& value, const std::string& path, std::int64_t* minimum) {
  std::int64_t count = 0;
  THIMBLE_RETURN_IF_ERROR(ReadCount(value, path, &count));
  *minimum = std::max(*minimum, count);
  return Done{};
}

Status AddMaximum(const Json& value, const std::string& path, std::int64_t* maximum) {
  std::int64_t count = 0;
  THIMBLE_RETURN_IF_ERROR(ReadCount(value, path, &count));
  *maximum = *maximum < 0 ? count : std::min(*maximum, count);
  return Done{};
}

Status AddText(std::string text, const std::string& path, std::optional<std::string>* to) {
  if (to->has_value() && **to != text)
    return RefuseSchema(Code::kUnsupported, path, "stands beside another one, and no two are enforced together");
  *to = std::move(text);
  return Done{};
}

Status NeedsSchema(const Json& value, const std::string& path) {
  if (value.IsObject() || value.AsBool().has_value()) return Done{};
  return RefuseSchema(Code::kInvalid, path, "takes a schema");
}

}  // namespace

Error RefuseSchema(Code code, const std::string& path, const std::string& what) {
  constexpr std::size_t kLongestPath = 200;
  std::string place = path.size() <= kLongestPath ? path : path.substr(0, kLongestPath) + "...";
  return Error{code, "[schema] #" + Excerpt(place, kLongestPath + 3) + " " + what};
}

std::string SchemaPath(const std::string& path, std::string_view name) {
  std::string out = path + "/";
  for (const char c : name) {
    if (c == '~' || c == '/') {
      out += c == '~' ? "~0" : "~1";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

bool IsAssertion(std::string_view keyword) { return IsOneOf(keyword, kAsserting) || IsOneOf(keyword, kRefused); }

Status PlainSchema::AddValues(std::vector<const Json*> more) {
  if (!values.has_value()) {
    values = std::move(more);
    return Done{};
  }
  std::erase_if(*values, [&](const Json* value) {
    return std::none_of(more.begin(), more.end(), [&](const Json* other) { return IsSameValue(*value, *other); });
  });
  return Done{};
}

Status PlainSchema::AddNumberWord(std::string_view word, const Json& value, const std::string& path) {
  if (!value.IsNumber() || !value.AsDouble().has_value()) return RefuseSchema(Code::kInvalid, path, "takes a number");
  hinted |= kNumberType;
  if (word == "minimum") minimum = Stricter(minimum, &value, false);
  if (word == "maximum") maximum = Stricter(maximum, &value, true);
  if (word == "exclusiveMinimum") above = Stricter(above, &value, false);
  if (word == "exclusiveMaximum") below = Stricter(below, &value, true);
  if (word != "multipleOf") return Done{};
  if (value.AsDouble().value_or(0) <= 0) return RefuseSchema(Code::kInvalid, path, "takes a number above 0");
  if (!value.AsInt().has_value())
    return RefuseSchema(Code::kUnsupported, path, "is enforced for whole numbers only: use one, or leave it out");
  if (step != nullptr && !IsSameValue(*step, value))
    return RefuseSchema(Code::kUnsupported, path, "stands beside another one, and no two are enforced together");
  step = &value;
  return Done{};
}

Status PlainSchema::AddStringWord(std::string_view word, const Json& value, const std::string& path) {
  if (word == "format") {
    // Others annotate, and some of these speak of numbers.
    if (!value.IsString() || FormatPattern(value.text()) == nullptr) return Done{};
    hinted |= kStringType;
    return AddText(value.text(), path, &format);
  }
  hinted |= kStringType;
  if (word == "minLength") return AddMinimum(value, path, &min_length);
  if (word == "maxLength") return AddMaximum(value, path, &max_length);
  if (!value.IsString()) return RefuseSchema(Code::kInvalid, path, "takes a string");
  return AddText(value.text(), path, &pattern);
}

Status PlainSchema::AddArrayWord(std::string_view word, const Json& value, const std::string& path, bool is_outer) {
  if (word == "uniqueItems") {
    if (!value.AsBool().value_or(true)) return Done{};
    return RefuseSchema(Code::kUnsupported, path, "is not enforced: leave it out");
  }
  hinted |= kArrayType;
  if (word == "minItems") return AddMinimum(value, path, &min_items);
  if (word == "maxItems") return AddMaximum(value, path, &max_items);
  if (word == "unevaluatedItems") {
    if (value.AsBool().value_or(false)) return Done{};
    if (!value.AsBool().has_value() || !is_outer)
      return RefuseSchema(Code::kUnsupported, path,
                          "is enforced only as true or false, and outside of allOf: use items");
    has_closed_items = true;
    return Done{};
  }
  // A list of schemas in "items" is what prefixItems was called before; "additionalItems" said then what "items" says.
  if (word == "prefixItems" || (word == "items" && value.IsArray())) {
    if (!value.IsArray()) return RefuseSchema(Code::kInvalid, path, "takes a list of schemas");
    if (prefix_items != nullptr || !items.empty())
      return RefuseSchema(Code::kUnsupported, path, "cannot be merged with what allOf says of items elsewhere");
    prefix_items = &value;
    return Done{};
  }
  THIMBLE_RETURN_IF_ERROR(NeedsSchema(value, path));
  items.push_back(&value);
  return Done{};
}

Status PlainSchema::AddObjectWord(std::string_view word, const Json& value, const std::string& path, bool is_outer) {
  hinted |= kObjectType;
  if (word == "minProperties") return AddMinimum(value, path, &min_properties);
  if (word == "maxProperties") return AddMaximum(value, path, &max_properties);
  if (word == "unevaluatedProperties") {
    if (value.AsBool().value_or(false)) return Done{};
    if (!value.AsBool().has_value() || !is_outer)
      return RefuseSchema(Code::kUnsupported, path,
                          "is enforced only as true or false, and outside of allOf: use additionalProperties");
    is_closed = true;
    return Done{};
  }
  if (word == "required") {
    if (!value.IsArray()) return RefuseSchema(Code::kInvalid, path, "takes a list of names");
    if (value.items().size() > kMostNames)
      return RefuseSchema(Code::kUnsupported, path, "lists more than " + std::to_string(kMostNames) + " names");
    for (const Json& name : value.items()) {
      if (!name.IsString()) return RefuseSchema(Code::kInvalid, path, "takes a list of names");
      if (std::find(required.begin(), required.end(), name.text()) == required.end()) required.push_back(name.text());
    }
    return Done{};
  }
  if (word == "propertyNames") {
    THIMBLE_RETURN_IF_ERROR(NeedsSchema(value, path));
    property_names.push_back(&value);
    return Done{};
  }
  if (word == "additionalProperties") {
    THIMBLE_RETURN_IF_ERROR(NeedsSchema(value, path));
    properties.back().additional = &value;
    return Done{};
  }
  if (!value.IsObject()) return RefuseSchema(Code::kInvalid, path, "takes an object of schemas");
  for (const auto& [name, schema] : value.members())
    THIMBLE_RETURN_IF_ERROR(NeedsSchema(schema, SchemaPath(path, name)));
  (word == "properties" ? properties.back().listed : properties.back().patterns) = &value;
  return Done{};
}

Status PlainSchema::Add(const Json& schema, const std::string& path, bool is_outer) {
  properties.emplace_back();
  const bool is_tuple = schema.Find("items") != nullptr && schema.Find("items")->IsArray();
  for (const auto& [word, value] : schema.members()) {
    const std::string place = SchemaPath(path, word);
    if (IsOneOf(word, kRefused)) {
      return RefuseSchema(Code::kUnsupported, place, "is not enforced: leave it out");
    }
    if (!IsAssertion(word)) continue;
    if (word == "type") {
      const unsigned named = SchemaTypes(value);
      if (named == 0) return RefuseSchema(Code::kInvalid, place, "takes a type's name, or several in a list");
      types &= named;
    } else if (word == "enum") {
      if (!value.IsArray() || value.items().empty())
        return RefuseSchema(Code::kInvalid, place, "takes a list of values");
      if (value.items().size() > kMostNames)
        return RefuseSchema(Code::kUnsupported, place, "lists more than " + std::to_string(kMostNames) + " values");
      std::vector<const Json*> listed;
      for (const Json& item : value.items()) listed.push_back(&item);
      THIMBLE_RETURN_IF_ERROR(AddValues(std::move(listed)));
    } else if (word == "const") {
      THIMBLE_RETURN_IF_ERROR(AddValues({&value}));
    } else if (word == "multipleOf" || word.ends_with("inimum") || word.ends_with("aximum")) {
      THIMBLE_RETURN_IF_ERROR(AddNumberWord(word, value, place));
    } else if (word == "format" || word == "pattern" || word.ends_with("Length")) {
      THIMBLE_RETURN_IF_ERROR(AddStringWord(word, value, place));
    } else if (word.ends_with("tems")) {
      if (word == "additionalItems" && !is_tuple) continue;  // says nothing
      THIMBLE_RETURN_IF_ERROR(AddArrayWord(word, value, place, is_outer));
    } else if (word.ends_with("roperties") || word == "required" || word == "propertyNames") {
      THIMBLE_RETURN_IF_ERROR(AddObjectWord(word, value, place, is_outer));
    }
  }
  return Done{};
}

}  // namespace thimble
