// SPDX-License-Identifier: Apache-2.0
// PlainSchema: the keywords of one or more schemas that all hold for the same value, brought together.
#pragma once

#include "base/result.h"
#include "files/json.h"
#include "grammar/schema_parts.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble {

// "[schema] WHAT at #/properties/a"
Error RefuseSchema(Code code, const std::string& path, const std::string& what);
// The path of a member, with '/' and '~' in its name escaped.
std::string SchemaPath(const std::string& path, std::string_view name);

// Points into the schemas that were added: they must outlive it.
struct PlainSchema {
  // What a property or an item must be: all of these.
  using All = std::vector<const Json*>;
  // One of the schemas, where it speaks of properties.
  struct Properties {
    const Json* listed = nullptr;      // "properties"
    const Json* patterns = nullptr;    // "patternProperties"
    const Json* additional = nullptr;  // "additionalProperties"
  };

  unsigned types = kAnyType;
  unsigned hinted = 0;                             // types that keywords speak of
  std::optional<std::vector<const Json*>> values;  // enum, const
  // Whole or not, as written. Inclusive and exclusive bounds, and a step.
  const Json* minimum = nullptr;
  const Json* maximum = nullptr;
  const Json* above = nullptr;  // exclusiveMinimum
  const Json* below = nullptr;  // exclusiveMaximum
  const Json* step = nullptr;   // multipleOf
  std::int64_t min_length = 0;
  std::int64_t max_length = -1;  // here and below, -1: no limit
  std::optional<std::string> pattern;
  std::optional<std::string> format;  // one that is enforced
  std::int64_t min_items = 0;
  std::int64_t max_items = -1;
  const Json* prefix_items = nullptr;
  All items;
  std::vector<Properties> properties;
  std::vector<std::string> required;
  All property_names;
  std::int64_t min_properties = 0;
  std::int64_t max_properties = -1;
  bool is_closed = false;         // unevaluatedProperties: false
  bool has_closed_items = false;  // unevaluatedItems: false

  // Adds what `schema`, an object, says itself; $ref, allOf, anyOf and oneOf are the caller's. `is_outer`: the others
  // stand inside it.
  Status Add(const Json& schema, const std::string& path, bool is_outer);

 private:
  Status AddNumberWord(std::string_view word, const Json& value, const std::string& path);
  Status AddStringWord(std::string_view word, const Json& value, const std::string& path);
  Status AddArrayWord(std::string_view word, const Json& value, const std::string& path, bool is_outer);
  Status AddObjectWord(std::string_view word, const Json& value, const std::string& path, bool is_outer);
  Status AddValues(std::vector<const Json*> more);
};

// Whether the keyword says something about values (or about where references point), so that a schema without any such
// admits everything.
bool IsAssertion(std::string_view keyword);

}  // namespace thimble
